/** The memory protection unit: a wrong pointer or too deep a stack stops at once instead of damaging
 * something silently. */
#include "machine.h"
#include "registers.h"

extern uint32_t __stack_guard[];

enum { CODE_START = 0x00000000, SRAM_START = 0x20000000, QSPI_START = 0x60000000, SDRAM_START = 0x60800000 };
enum { NO_ACCESS = 0u << 24, READ_WRITE = 3u << 24, READ_ONLY = 6u << 24, NEVER_EXECUTE = 1u << 28 };
enum { NORMAL_MEMORY = (1u << 19) | (1u << 17) | (1u << 16) }; /* TEX = 1, C, B: write-back, allocate */

/* A higher region number wins where regions overlap. `log2_bytes` >= 5; `start` is a multiple of the size. */
static void region(uint32_t number, uint32_t start, uint32_t log2_bytes, uint32_t access) {
  MPU_RNR = number;
  MPU_RBAR = start;
  MPU_RASR = access | NORMAL_MEMORY | ((log2_bytes - 1u) << 1) | 1u;
}

void machine_protect(void) {
  region(0, CODE_START, 22, READ_ONLY);
  region(1, SRAM_START, 22, READ_WRITE | NEVER_EXECUTE);
  region(2, QSPI_START, 23, READ_ONLY | NEVER_EXECUTE);
  region(3, SDRAM_START, 23, READ_WRITE | NEVER_EXECUTE);
  region(4, CODE_START, 7, NO_ACCESS | NEVER_EXECUTE); /* null page: vectors are fetched past the MPU */
  region(5, (uint32_t)__stack_guard, 8, NO_ACCESS | NEVER_EXECUTE);
  MPU_CTRL = 5u; /* on, privileged default map elsewhere (peripherals), off inside HardFault and NMI */
  __asm__ volatile("dsb\n isb" ::: "memory");
}
