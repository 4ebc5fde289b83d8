/** Instruction counter and watchdog on the board's 25 MHz clock.
 *
 *  With `-icount shift=7` an instruction takes 128 ns = 3.2 ticks of 40 ns: instructions = (5 * ticks + 8)
 * / 16. */
#include "machine.h"
#include "registers.h"

/* CMSDK APB timer 0, a 32-bit down counter, and CMSDK APB watchdog ("Cortex-M System Design Kit", 4.2
 * and 4.6) */
#define TIMER_CTRL REGISTER(0x40000000)
#define TIMER_VALUE REGISTER(0x40000004)
#define TIMER_RELOAD REGISTER(0x40000008)
#define WATCHDOG_LOAD REGISTER(0x40008000)
#define WATCHDOG_CTRL REGISTER(0x40008008)
#define WATCHDOG_CLEAR REGISTER(0x4000800C)
#define WATCHDOG_LOCK REGISTER(0x40008C00)

enum {
  TICKS_PER_MILLISECOND = 25000,
  WATCHDOG_UNLOCK = 0x1ACCE551,
  WATCHDOG_INTERRUPT = 1,
  WATCHDOG_RESET = 2
};

static uint32_t last_ticks; /* of the timer, which begins anew after 2^32: 1.3e9 instructions */
static uint64_t all_ticks;

void machine_counter_start(void) {
  last_ticks = 0;
  all_ticks = 0;
  TIMER_CTRL = 0;
  TIMER_RELOAD = 0xFFFFFFFFu;
  TIMER_VALUE = 0xFFFFFFFFu;
  TIMER_CTRL = 1;
}

void machine_counter_stop(void) { TIMER_CTRL = 0; }

/* Asked at least once in 1.3e9 instructions, it goes on to 2^32 and begins anew there. */
uint32_t machine_counter(void) {
  const uint32_t ticks = 0xFFFFFFFFu - TIMER_VALUE;
  all_ticks += (uint32_t)(ticks - last_ticks);
  last_ticks = ticks;
  return (uint32_t)((all_ticks * 5 + 8) / 16);
}

/* The first expiry raises the NMI, which reports and resets; the second would reset even if the NMI hung. */
void machine_watchdog_start(uint32_t milliseconds) {
  WATCHDOG_LOCK = WATCHDOG_UNLOCK;
  WATCHDOG_CTRL = 0;
  if (!milliseconds) return;
  WATCHDOG_LOAD = milliseconds * TICKS_PER_MILLISECOND;
  WATCHDOG_CTRL = WATCHDOG_INTERRUPT | WATCHDOG_RESET;
}

void machine_watchdog_feed(void) { WATCHDOG_CLEAR = 1; }
