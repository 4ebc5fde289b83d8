/** Teensy 4.1: console on USB serial, card in the built-in slot (SdFat), PJRC's core for the MPU and the
 * fault report.
 *
 *  The core's MPU settings: null page and the foot of the stack without access, flash read-only. After a
 * fault the core keeps the registers over a reset; they are printed here. */
#include "board.h"

#include <Arduino.h>
#include <CrashReport.h>

#include <cstring>

#include "card_sdfat.h"

extern "C" int bitmar_main(int argc, char** argv);
extern unsigned long _estack, _ebss;

namespace {
enum : uint32_t {
  kStackPaint = 0xA5A5A5A5,
  kWatchdogSeconds = 20,
  kStackMarginBytes = 256,
  kFirstTime = 1767225600 /* 2026: the core starts a clock that was never set at 2019 */
};
uint32_t* painted_from;

/* From the end of .bss to a little below the stack pointer. */
void paint_stack() {
  uint32_t here;
  painted_from = reinterpret_cast<uint32_t*>((reinterpret_cast<uint32_t>(&_ebss) + 31) & ~31u) + 16;
  for (uint32_t* word = painted_from; word < &here - kStackMarginBytes / sizeof here; word++)
    *word = kStackPaint;
}
}  // namespace

extern "C" {

void board_open(int, char**) {
  paint_stack();
  Serial.begin(0);
  while (!Serial && millis() < 3000) {
  }
  if (CrashReport) {
    Serial.println("restarted after a fault");
    Serial.print(CrashReport);
  }
  if (SRC_SRSR & SRC_SRSR_WDOG_RST_B) Serial.println("restarted by the watchdog");
  SRC_SRSR = SRC_SRSR;
}

const char* board_name(void) { return "teensy41"; }

uint8_t board_read(void) {
  while (!Serial.available()) board_watchdog_feed();
  return static_cast<uint8_t>(Serial.read());
}

void board_write(const char* text, uint32_t bytes) { Serial.write(text, bytes); }
const ms_port* board_card(void) { return card_sdfat(); }
uint32_t board_slots(void) { return 0; }
int32_t board_load(const char* name, void* to, uint32_t capacity) {
  return card_sdfat_load(name, to, capacity);
}

int32_t board_file_open(const char* name) { return card_sdfat_file_open(name); }
int32_t board_file_read(uint32_t offset, void* to, uint32_t bytes) {
  return card_sdfat_file_read(offset, to, bytes);
}
void board_file_close(void) { card_sdfat_file_close(); }

/* A Teensy has no camera of its own; a driver's frame goes here. */
int32_t board_camera(int32_t*, int32_t*) { return -1; }
int32_t board_camera_row(int32_t, uint8_t*) { return -1; }

void board_count_start(void) {}
uint32_t board_count(void) { return micros(); }
void board_count_stop(void) {}
const char* board_unit(void) { return "us"; }

uint32_t board_time(void) {
  const uint32_t now = rtc_get();
  return now < kFirstTime ? 0 : now;
}

/* i.MX RT1060 reference manual, 57: WDOG1 cannot be stopped once it runs, so waiting for input feeds it. */
void board_watchdog_start(void) {
  static bool running;
  if (running) return board_watchdog_feed();
  running = true;
  CCM_CCGR3 |= CCM_CCGR3_WDOG1(CCM_CCGR_ON);
  WDOG1_WMCR = 0;
  WDOG1_WCR = WDOG_WCR_WT(2 * kWatchdogSeconds - 1) | WDOG_WCR_WDE | WDOG_WCR_SRS | WDOG_WCR_WDA;
}

void board_watchdog_feed(void) {
  WDOG1_WSR = 0x5555;
  WDOG1_WSR = 0xAAAA;
}

void board_watchdog_stop(void) { board_watchdog_feed(); }

uint32_t board_stack_size(void) {
  return static_cast<uint32_t>(reinterpret_cast<uint8_t*>(&_estack) -
                               reinterpret_cast<uint8_t*>(painted_from));
}

uint32_t board_stack_used(void) {
  const uint32_t* word = painted_from;
  const uint32_t* top = reinterpret_cast<uint32_t*>(&_estack);
  while (word < top && *word == kStackPaint) word++;
  return static_cast<uint32_t>(reinterpret_cast<const uint8_t*>(top) -
                               reinterpret_cast<const uint8_t*>(word));
}

void board_rest(int) {
  card_sdfat_unmount();
  Serial.println("the card is closed: power may go off, the card may be changed; any key goes on");
  board_read();
}

__attribute__((noinline)) static uint32_t overflow_stack(uint32_t depth) {
  volatile uint32_t frame[64];
  frame[depth % 64] = depth;
  return overflow_stack(depth + 1) + frame[depth % 64];
}

void board_provoke(const char* what) {
  if (std::strcmp(what, "null") == 0) *reinterpret_cast<volatile uint32_t*>(4) = 1;
  if (std::strcmp(what, "model") == 0) *reinterpret_cast<volatile uint32_t*>(0x60000000) = 1;
  if (std::strcmp(what, "stack") == 0) overflow_stack(0);
  if (std::strcmp(what, "hang") == 0)
    for (;;) {
    }
}

}  // extern "C"

void setup() { bitmar_main(0, nullptr); }
void loop() {}
