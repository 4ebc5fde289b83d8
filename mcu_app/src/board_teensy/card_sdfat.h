/** memstore's storage port on SdFat: the card in the Teensy's built-in slot. */
#pragma once
#include "memstore.h"

/** The port of /bitmar_memory on the card, mounted now; nullptr if there is none. Where the card cannot be
 * mounted its `open` says why: MS_E_FORMAT (no file system that SdFat knows), MS_E_IO, MS_E_CARD_FULL (exFAT
 * without a single free cluster). */
const ms_port* card_sdfat();

/** After the memory is closed: the card may be taken out. */
void card_sdfat_unmount();

/** A whole file of the card into RAM; its bytes, or -1 if it is missing or larger than `capacity`. */
int32_t card_sdfat_load(const char* name, void* to, uint32_t capacity);

/** A file of the card for reading, one at a time: 0, or -1. Whole transfers: 0, or -1. */
int32_t card_sdfat_file_open(const char* name);
int32_t card_sdfat_file_read(uint32_t offset, void* to, uint32_t bytes);
void card_sdfat_file_close();
