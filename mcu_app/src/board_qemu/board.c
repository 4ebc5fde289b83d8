/** The emulated board: console on UART 0, the card is a directory of the host, `firmware.elf --card DIR
 * [--slots N]`. */
#include "board.h"

#include <stdlib.h>
#include <string.h>

#include "card_semihosting.h"
#include "machine.h"
#include "semihost.h"

enum { WATCHDOG_MS = 60000 }; /* of emulated time: 128 ns an instruction, so 0.9e9 instructions */

static const char* card_folder;
static uint32_t slots;

static void print_reset(void) {
  const machine_reset_record record = machine_last_reset();
  if (record.cause == MACHINE_RESET_FAULT) machine_console_puts("restarted after a fault\n");
  if (record.cause == MACHINE_RESET_WATCHDOG) machine_console_puts("restarted by the watchdog\n");
}

/* The application goes on after a fault: a device without a person beside it must not stay silent. */
void machine_after_fault(uint32_t exception) {
  (void)exception;
  machine_reset();
}

void board_open(int argc, char** argv) {
  machine_watchdog_start(0);
  print_reset();
  for (int i = 1; i + 1 < argc; i++) {
    if (strcmp(argv[i], "--card") == 0) card_folder = argv[i + 1];
    if (strcmp(argv[i], "--slots") == 0) slots = (uint32_t)strtoul(argv[i + 1], NULL, 10);
  }
}

const char* board_name(void) { return "qemu mps2-an500"; }
uint8_t board_read(void) { return machine_console_read(); }
void board_write(const char* text, uint32_t bytes) { machine_console_write(text, bytes); }
const ms_port* board_card(void) { return card_folder ? card_semihosting(card_folder) : NULL; }

int32_t board_load(const char* name, void* to, uint32_t capacity) {
  return card_folder ? card_semihosting_load(card_folder, name, to, capacity) : -1;
}

int32_t board_file_open(const char* name) {
  return card_folder ? card_semihosting_file_open(card_folder, name) : -1;
}

int32_t board_file_read(uint32_t offset, void* to, uint32_t bytes) {
  return card_semihosting_file_read(offset, to, bytes);
}

void board_file_close(void) { card_semihosting_file_close(); }

static int32_t camera_width;

int32_t board_camera(int32_t* width, int32_t* height) {
  int32_t sides[2];
  if (board_file_open("camera.rgb565") || board_file_read(0, sides, sizeof sides)) return -1;
  camera_width = *width = sides[0];
  *height = sides[1];
  return 0;
}

int32_t board_camera_row(int32_t y, uint8_t* row) {
  const uint32_t bytes = 2 * (uint32_t)camera_width;
  return board_file_read(8 + (uint32_t)y * bytes, row, bytes);
}

uint32_t board_slots(void) { return slots; }

void board_count_start(void) { machine_counter_start(); }
uint32_t board_count(void) { return machine_counter(); }
void board_count_stop(void) { machine_counter_stop(); }
const char* board_unit(void) { return "instructions"; }
uint32_t board_time(void) { return semihost_time(); }

void board_watchdog_start(void) { machine_watchdog_start(WATCHDOG_MS); }
void board_watchdog_feed(void) { machine_watchdog_feed(); }
void board_watchdog_stop(void) { machine_watchdog_start(0); }

uint32_t board_stack_used(void) { return machine_stack_used(); }
uint32_t board_stack_size(void) { return machine_stack_size(); }
void board_rest(int code) { semihost_exit(code); }

__attribute__((noinline)) static uint32_t overflow_stack(uint32_t depth) {
  volatile uint32_t frame[64];
  frame[depth % 64] = depth;
  return overflow_stack(depth + 1) + frame[depth % 64];
}

void board_provoke(const char* what) {
  if (strcmp(what, "null") == 0) *(volatile uint32_t*)(uintptr_t)4 = 1;
  if (strcmp(what, "model") == 0) *(volatile uint8_t*)(uintptr_t)0x60000000 = 1;
  if (strcmp(what, "stack") == 0) overflow_stack(0);
  if (strcmp(what, "hang") == 0)
    for (;;) {
    }
}
