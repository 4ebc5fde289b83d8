/** What the emulated board offers beyond semihosting: console, protection, stack high-water mark, instruction
 * counter, watchdog. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The console is UART 0. Reading waits for the next byte; writing works in a fault handler too. */
uint8_t machine_console_read(void);
void machine_console_write(const char* text, uint32_t bytes);
void machine_console_puts(const char* text);

/** MPU: null page and stack guard without access, code and model read-only, data never executable. */
void machine_protect(void);

/** Bytes reserved for the stack, and the most that were ever in use (the stack is painted before main). */
uint32_t machine_stack_size(void);
uint32_t machine_stack_used(void);

/** Instructions executed since machine_counter_start(), exact under `-icount shift=7`; modulo
 * 2^32 where it is asked at least once in 1.3e9. */
void machine_counter_start(void);
void machine_counter_stop(void);
uint32_t machine_counter(void);

/** Reset the machine unless machine_watchdog_feed() is called every `milliseconds` of its own time; 0 stops
 * it. */
void machine_watchdog_start(uint32_t milliseconds);
void machine_watchdog_feed(void);

/** What ended the run before this one. The record survives a reset; `machine_last_reset` clears it. */
typedef enum { MACHINE_RESET_NONE, MACHINE_RESET_FAULT, MACHINE_RESET_WATCHDOG } machine_reset_cause;
typedef struct {
  machine_reset_cause cause;
  uint32_t exception, pc, lr, cfsr,
      address; /**< exception number, stacked registers, fault status and address */
} machine_reset_record;
machine_reset_record machine_last_reset(void);

/** After a fault was printed. The default ends the emulator with 192 + exception; an application may reset
 * instead. */
void machine_after_fault(uint32_t exception) __attribute__((noreturn));
void machine_reset(void) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif
