/** Start-up for the QEMU boards: FPU, stack paint, .data and .bss, MPU, main(), exit code. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "machine.h"
#include "registers.h"
#include "semihost.h"

extern uint32_t __stack_top[], __stack_limit[];
extern uint32_t __data_start[], __data_end[], __data_load[], __bss_start[], __bss_end[];
extern int main(int, char**);
extern void __libc_init_array(void);

enum { STACK_PAINT = 0xA5A5A5A5, MAX_ARGUMENTS = 32 };

void _init(void) {}
void _fini(void) {}

uint32_t machine_stack_size(void) { return (uint32_t)((char*)__stack_top - (char*)__stack_limit); }

uint32_t machine_stack_used(void) {
  const uint32_t* lowest = __stack_limit;
  while (lowest < __stack_top && *lowest == STACK_PAINT) lowest++;
  return (uint32_t)((char*)__stack_top - (char*)lowest);
}

void machine_reset(void) {
  __asm__ volatile("dsb" ::: "memory");
  SCB_AIRCR = 0x05FA0004; /* VECTKEY, SYSRESETREQ */
  for (;;) {
  }
}

__attribute__((noreturn, used)) static void start(void) {
  SCB_CPACR |= 0xFu << 20; /* FPU: full access */
  __asm__ volatile("dsb\n isb" ::: "memory");
  SCB_SHCSR |= 7u << 16; /* MemManage, BusFault and UsageFault have their own vectors */

  for (uint32_t *to = __data_start, *from = __data_load; to < __data_end;) *to++ = *from++;
  for (uint32_t* to = __bss_start; to < __bss_end;) *to++ = 0;
  machine_protect();

  __libc_init_array();

  static char line[512];
  static char* argv[MAX_ARGUMENTS];
  int argc = 0;
  if (semihost_command_line(line, sizeof line) == 0)
    for (char* word = strtok(line, " "); word && argc < MAX_ARGUMENTS - 1; word = strtok(NULL, " "))
      argv[argc++] = word;
  semihost_exit(main(argc, argv));
}

/* The paint must be laid before anything uses the stack, so this function may not touch it. */
__attribute__((naked, noreturn, used)) void Reset_Handler(void) {
  __asm__ volatile(
      "ldr r0, =__stack_limit\n"
      "ldr r1, =__stack_top\n"
      "mov sp, r1\n"
      "ldr r2, =%0\n"
      "1: cmp r0, r1\n"
      "it lo\n"
      "strlo r2, [r0], #4\n"
      "blo 1b\n"
      "b start\n" ::"i"(STACK_PAINT));
}

void Fault_Handler(void);
void Watchdog_Handler(void);

#define WEAK_FAULT __attribute__((weak, alias("Unexpected_Handler")))
void SVC_Handler(void) WEAK_FAULT;
void DebugMon_Handler(void) WEAK_FAULT;
void PendSV_Handler(void) WEAK_FAULT;
void SysTick_Handler(void) WEAK_FAULT;
__attribute__((naked, used)) void Unexpected_Handler(void) { __asm__ volatile("b Fault_Handler"); }

__attribute__((section(".vectors"), used)) const void* const vectors[16 + 32] = {
    __stack_top,
    (const void*)Reset_Handler,
    Watchdog_Handler, /* NMI: the only source on this board */
    Fault_Handler,    /* HardFault */
    Fault_Handler,    /* MemManage */
    Fault_Handler,    /* BusFault */
    Fault_Handler,    /* UsageFault */
    0,
    0,
    0,
    0,
    SVC_Handler,
    DebugMon_Handler,
    0,
    PendSV_Handler,
    SysTick_Handler,
    [16 ... 16 + 31] = Unexpected_Handler,
};
