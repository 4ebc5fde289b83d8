/* memstore's storage port on a bare card: its files one behind the other from sector 64, their sizes in
 * sector 1. */
#ifndef BITMAR_SD_PORT_H
#define BITMAR_SD_PORT_H

#include "memstore.h"

typedef struct {
  uint32_t first[4];            /* sector of slots, index, backup, metadata */
  uint64_t capacity[4];         /* bytes */
  uint8_t directory[MS_SECTOR]; /* of each file a uint64: its size + 1, 0 = there is none */
  uint8_t sector[MS_SECTOR];
} sd_files;

int sd_port(ms_port* port, sd_files* files, const ms_config* config);

#endif
