/* The least that newlib's semihosting start-up needs on QEMU's mps2-an500: a vector table and the FPU
 * switched on. */
#include <stdint.h>

void _start(void);

static void reset(void) {
  *(volatile uint32_t*)0xE000ED88 |= 0xFu << 20; /* CPACR: full access to the FPU */
  __asm__ volatile("dsb\n isb" ::: "memory");
  _start();
}

static void fault(void) {
  /* SYS_EXIT_EXTENDED with code 70: a fault must not look like a hang */
  uint32_t block[2] = {0x20026, 70};
  register uint32_t op __asm__("r0") = 0x20;
  register uint32_t* arg __asm__("r1") = block;
  __asm__ volatile("bkpt 0xAB" : : "r"(op), "r"(arg) : "memory");
  for (;;) {
  }
}

__attribute__((section(".vectors"), used)) void (*const vectors[16])(void) = {
    (void (*)(void))0x20400000, reset, fault, fault, fault, fault, fault};
