/* memstore's storage port on FatFs: what a board with an SD card and no operating system would use. */
#ifndef BITMAR_FAT_PORT_H
#define BITMAR_FAT_PORT_H

#include "ff.h"
#include "memstore.h"

typedef struct {
  FIL file[6];
  uint8_t used[6];
} fat_files;

ms_port fat_port(fat_files* files);

/* The block device under FatFs: a RAM disk that logs what is written. */
#define FAT_SECTORS 4096u
typedef struct {
  int barrier; /* a CTRL_SYNC, no data */
  uint32_t sector;
  uint8_t data[512];
} fat_entry;

extern uint8_t fat_disk[FAT_SECTORS * 512u];
extern fat_entry fat_log[4096];
extern uint32_t fat_log_count, fat_logging;

#endif
