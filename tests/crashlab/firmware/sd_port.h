/* memstore's storage port on a bare card: its files one behind the other from sector 64, their sizes in
 * sector 1. */
#ifndef BITMAR_SD_PORT_H
#define BITMAR_SD_PORT_H

#include "memstore.h"

/* File n of history/ is in place 4 + n % 3. */
enum { SD_FILES = 7, SD_FIXED = 4, SD_NUMBERS = 8 * SD_FILES };

typedef struct {
  uint32_t first[SD_FILES];     /* sector of slots, index, backup, metadata, and of the places for history/ */
  uint64_t capacity[SD_FILES];  /* bytes */
  uint8_t directory[MS_SECTOR]; /* of each file a uint64: its size + 1, 0 = there is none; then history's
                                   numbers */
  uint8_t sector[MS_SECTOR];
} sd_files;

int sd_port(ms_port* port, sd_files* files, const ms_config* config);

#endif
