/** Faults and the watchdog: print what happened, remember it over the reset, then hand over to
 * machine_after_fault(). */
#include "machine.h"
#include "registers.h"
#include "semihost.h"

extern uint32_t __stack_top[], __stack_limit[];

/* the report must not run over the frame that it prints, nor on a stack that may be what faulted */
__attribute__((section(".noinit"), used, aligned(8))) static uint32_t report_stack[128];

enum { RECORD_VALID = 0x424D5253 };
__attribute__((section(".noinit"))) static struct {
  uint32_t valid;
  machine_reset_record record;
} last;

machine_reset_record machine_last_reset(void) {
  machine_reset_record record = {MACHINE_RESET_NONE, 0, 0, 0, 0, 0};
  if (last.valid == RECORD_VALID) record = last.record;
  last.valid = 0;
  return record;
}

static void print_register(const char* name, uint32_t value) {
  char digits[9];
  for (int i = 7; i >= 0; i--, value >>= 4) digits[i] = "0123456789abcdef"[value & 15];
  digits[8] = 0;
  machine_console_puts(name);
  machine_console_puts(digits);
}

__attribute__((weak, noreturn)) void machine_after_fault(uint32_t exception) {
  semihost_exit(192 + (int32_t)exception);
}

/* `frame` is what the processor stacked: r0-r3, r12, lr, pc, xpsr. It may lie in the guard or outside of RAM.
 */
__attribute__((used, noreturn)) static void report(const uint32_t* frame) {
  uint32_t exception;
  __asm__ volatile("mrs %0, ipsr" : "=r"(exception));
  MPU_CTRL = 0; /* an overflowed stack left its frame in the guard: reading it must not fault again */
  static const char* const names[8] = {" r0=", " r1=", " r2=", " r3=", " r12=", " lr=", " pc=", " xpsr="};
  const int readable = (uintptr_t)frame >= (uintptr_t)__stack_limit - 256 && frame + 8 <= __stack_top;
  last.record.cause = exception == 2 ? MACHINE_RESET_WATCHDOG : MACHINE_RESET_FAULT;
  last.record.exception = exception;
  last.record.lr = readable ? frame[5] : 0;
  last.record.pc = readable ? frame[6] : 0;
  last.record.cfsr = SCB_CFSR;
  last.record.address = (SCB_CFSR & 0x80) ? SCB_MMFAR : (SCB_CFSR & 0x8000) ? SCB_BFAR : 0;
  last.valid = RECORD_VALID;
  machine_console_puts(exception == 2 ? "\nWATCHDOG" : "\nFAULT");
  print_register(" exception=", exception);
  for (int i = 0; readable && i < 8; i++) print_register(names[i], frame[i]);
  print_register(" cfsr=", SCB_CFSR);
  print_register(" hfsr=", SCB_HFSR);
  print_register(" address=", last.record.address);
  machine_console_puts("\n");
  machine_after_fault(exception);
}

__attribute__((naked)) void Fault_Handler(void) {
  __asm__ volatile(
      "tst lr, #4\n"
      "ite eq\n"
      "mrseq r0, msp\n"
      "mrsne r0, psp\n"
      "ldr r1, =%1\n"
      "mov sp, r1\n"
      "b %0" ::"i"(report),
      "i"(report_stack + sizeof report_stack / sizeof *report_stack));
}

__attribute__((naked)) void Watchdog_Handler(void) { __asm__ volatile("b Fault_Handler"); }
