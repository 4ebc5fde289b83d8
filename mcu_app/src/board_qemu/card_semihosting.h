/** memstore's storage port on semihosting: the card is a directory of the machine that runs the emulator. */
#pragma once
#include "memstore.h"

/** The port of FOLDER/bitmar_memory. Semihosting cannot make folders: bitmar_memory/ and
 * bitmar_memory/history/ must exist
 *  (`pipeline.py console --target qemu` makes them), else it counts as no card. */
const ms_port* card_semihosting(const char* folder);

/** FOLDER/name into RAM; its bytes, or -1 if it is missing or larger than `capacity`. */
int32_t card_semihosting_load(const char* folder, const char* name, void* to, uint32_t capacity);

/** FOLDER/name for reading, one at a time: 0, or -1. Whole transfers: 0, or -1. */
int32_t card_semihosting_file_open(const char* folder, const char* name);
int32_t card_semihosting_file_read(uint32_t offset, void* to, uint32_t bytes);
void card_semihosting_file_close(void);
