/** What the application needs of a board: a console, a card, a clock, a watchdog. One folder src/board_*
 * implements it. */
#pragma once
#include <stdint.h>

#include "memstore.h"

#ifdef __cplusplus
extern "C" {
#endif

/** First call: console and clock. Prints why the board restarted, if it did. */
void board_open(int argc, char** argv);

/** "qemu mps2-an500", "teensy41". */
const char* board_name(void);

/** Next byte of the console, waiting for it; 4 (end of transmission) when nothing can follow. */
uint8_t board_read(void);
void board_write(const char* text, uint32_t bytes);

/** The port of the card, mounted; NULL if there is none. */
const ms_port* board_card(void);

/** A file of the card into RAM: its bytes, or -1 if it is missing or larger than `capacity`. */
int32_t board_load(const char* name, void* to, uint32_t capacity);

/** A file of the card, for reading; one at a time. 0, or -1 if it is missing. */
int32_t board_file_open(const char* name);
/** A whole transfer from `offset`: 0, or -1 where the file ends before. */
int32_t board_file_read(uint32_t offset, void* to, uint32_t bytes);
void board_file_close(void);

/** Takes a picture and says its size: 0, or -1 where there is no camera (or it fails). Rows stay until the
 * next picture. The emulator's camera is the card's file camera.rgb565: two int32 (width, height), then the
 * frame. */
int32_t board_camera(int32_t* width, int32_t* height);
/** Row y of that picture: `width` pixels RGB565, little-endian, red in the upper bits. 0, or -1. */
int32_t board_camera_row(int32_t y, uint8_t* row);

/** Slots of a new memory; 0: as many as the model says. */
uint32_t board_slots(void);

/** A free-running counter of what board_unit() names ("instructions" under the emulator, "us" on a board).
 * The emulator counts between start and stop only: its idle time is not simulated. */
void board_count_start(void);
uint32_t board_count(void);
void board_count_stop(void);
const char* board_unit(void);

/** Seconds since 1970, 0 if unknown. */
uint32_t board_time(void);

/** The board resets if `feed` is not called for a while after `start`; `stop` while waiting for input. */
void board_watchdog_start(void);
void board_watchdog_feed(void);
void board_watchdog_stop(void);

/** Bytes: the most stack ever in use, and the stack there is. */
uint32_t board_stack_used(void);
uint32_t board_stack_size(void);

/** The card is closed. The emulator ends with this code; a board says that power may go off or the card be
 * changed, and returns with the next byte from the console. */
void board_rest(int code);

/** For tests of the fault report: what an application must never do. "null", "stack", "model" or "hang". */
void board_provoke(const char* what);

#ifdef __cplusplus
}
#endif
