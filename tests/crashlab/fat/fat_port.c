#include "fat_port.h"

#include <stdio.h>
#include <string.h>

#include "diskio.h"

static int code(FRESULT result) {
  switch (result) {
    case FR_OK:
      return MS_OK;
    case FR_NO_FILE:
    case FR_NO_PATH:
      return MS_E_NOT_FOUND;
    case FR_WRITE_PROTECTED:
      return MS_E_READ_ONLY;
    case FR_DENIED:
      return MS_E_CARD_FULL;
    case FR_NOT_READY:
    case FR_NO_FILESYSTEM:
      return MS_E_NO_CARD;
    default:
      return MS_E_IO;
  }
}

static int do_open(void* context, const char* name, int mode, int32_t* file) {
  fat_files* f = context;
  char path[64];
  int slot = 0;
  while (slot < 6 && f->used[slot]) slot++;
  if (slot == 6) return MS_E_ARGUMENT;
  snprintf(path, sizeof path, "bitmar_memory/%s", name);
  FRESULT result = f_open(&f->file[slot], path, mode == MS_READ ? FA_READ : FA_READ | FA_WRITE);
  if (mode == MS_CREATE && (result == FR_NO_FILE || result == FR_NO_PATH)) {
    f_mkdir("bitmar_memory");
    if (strchr(name, '/')) f_mkdir("bitmar_memory/history");
    result = f_open(&f->file[slot], path, FA_READ | FA_WRITE | FA_OPEN_ALWAYS);
  }
  if (result != FR_OK) return code(result);
  f->used[slot] = 1;
  *file = slot;
  return MS_OK;
}

static int do_close(void* context, int32_t file) {
  fat_files* f = context;
  f->used[file] = 0;
  return code(f_close(&f->file[file]));
}

static int do_size(void* context, int32_t file, uint64_t* bytes) {
  *bytes = f_size(&((fat_files*)context)->file[file]);
  return MS_OK;
}

/* From `at` to the end of the file. */
static FRESULT write_zeros(FIL* f, uint64_t at) {
  static const uint8_t zeros[MS_SECTOR];
  FRESULT result = FR_OK;
  for (UINT done; result == FR_OK && at < f_size(f); at += done) {
    UINT piece = f_size(f) - at < MS_SECTOR ? (UINT)(f_size(f) - at) : MS_SECTOR;
    result = f_lseek(f, at);
    if (result == FR_OK) result = f_write(f, zeros, piece, &done);
    if (result == FR_OK && done != piece) result = FR_DENIED;
  }
  return result;
}

/* The length reaches the directory only with f_sync: whatever has to be zero is so before. */
static int do_preallocate(void* context, int32_t file, uint64_t bytes, int zeroed) {
  FIL* f = &((fat_files*)context)->file[file];
  uint64_t before = f_size(f);
  FRESULT result;
  if (before == 0) {
    result = f_expand(f, bytes, 1); /* contiguous */
  } else {                          /* FatFs extends a file by seeking behind its end */
    result = f_lseek(f, bytes);
    if (result == FR_OK) result = f_truncate(f);
  }
  if (result == FR_OK && f_size(f) != bytes) return MS_E_CARD_FULL;
  if (result == FR_OK && zeroed) result = write_zeros(f, before);
  if (result == FR_OK && disk_ioctl(0, CTRL_SYNC, NULL) != RES_OK) result = FR_DISK_ERR;
  return result == FR_OK ? code(f_sync(f)) : code(result);
}

static int32_t do_read(void* context, int32_t file, uint64_t offset, void* data, uint32_t bytes) {
  FIL* f = &((fat_files*)context)->file[file];
  UINT done = 0;
  FRESULT result = f_lseek(f, offset);
  if (result == FR_OK) result = f_read(f, data, bytes, &done);
  return result == FR_OK ? (int32_t)done : code(result);
}

static int32_t do_write(void* context, int32_t file, uint64_t offset, const void* data, uint32_t bytes) {
  FIL* f = &((fat_files*)context)->file[file];
  UINT done = 0;
  FRESULT result = f_lseek(f, offset);
  if (result == FR_OK) result = f_write(f, data, bytes, &done);
  return result == FR_OK ? (int32_t)done : code(result);
}

/* Whole sectors of a file of fixed size go straight to the card: no directory entry has to be written for
 * them, and none can be torn. Sizes were synced when they changed. */
static int do_sync(void* context) {
  (void)context;
  return disk_ioctl(0, CTRL_SYNC, NULL) == RES_OK ? MS_OK : MS_E_IO;
}

static int do_remove(void* context, const char* name) {
  char path[64];
  (void)context;
  snprintf(path, sizeof path, "bitmar_memory/%s", name);
  return code(f_unlink(path));
}

static uint32_t do_random(void* context) {
  static uint32_t number = 2463534242u; /* xorshift32: a board has its clock and its serial number */
  (void)context;
  number ^= number << 13;
  number ^= number >> 17;
  return number ^= number << 5;
}

ms_port fat_port(fat_files* files) {
  memset(files, 0, sizeof *files);
  return (ms_port){.context = files,
                   .open = do_open,
                   .close = do_close,
                   .size = do_size,
                   .preallocate = do_preallocate,
                   .read = do_read,
                   .write = do_write,
                   .sync = do_sync,
                   .remove = do_remove,
                   .random = do_random};
}

uint8_t fat_disk[FAT_SECTORS * 512u];
fat_entry fat_log[4096];
uint32_t fat_log_count, fat_logging;

static void record(int barrier, uint32_t sector, const uint8_t* data) {
  if (!fat_logging || fat_log_count == 4096) return;
  fat_entry* entry = &fat_log[fat_log_count++];
  entry->barrier = barrier;
  entry->sector = sector;
  if (data) memcpy(entry->data, data, 512);
}

DSTATUS disk_initialize(BYTE drive) { return drive ? STA_NOINIT : 0; }
DSTATUS disk_status(BYTE drive) { return drive ? STA_NOINIT : 0; }

DRESULT disk_read(BYTE drive, BYTE* data, LBA_t sector, UINT count) {
  if (drive || sector + count > FAT_SECTORS) return RES_PARERR;
  memcpy(data, fat_disk + sector * 512, count * 512u);
  return RES_OK;
}

DRESULT disk_write(BYTE drive, const BYTE* data, LBA_t sector, UINT count) {
  if (drive || sector + count > FAT_SECTORS) return RES_PARERR;
  for (UINT i = 0; i < count; i++) record(0, (uint32_t)sector + i, data + i * 512u);
  memcpy(fat_disk + sector * 512, data, count * 512u);
  return RES_OK;
}

DRESULT disk_ioctl(BYTE drive, BYTE command, void* buffer) {
  if (drive) return RES_PARERR;
  if (command == CTRL_SYNC) record(1, 0, NULL);
  if (command == GET_SECTOR_COUNT) *(LBA_t*)buffer = FAT_SECTORS;
  if (command == GET_SECTOR_SIZE) *(WORD*)buffer = 512;
  if (command == GET_BLOCK_SIZE) *(DWORD*)buffer = 1;
  return RES_OK;
}
