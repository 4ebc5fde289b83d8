#include "sd_port.h"

#include <string.h>

#include "spi_sd.h"

static uint64_t size_of(const sd_files* f, int32_t file) {
  uint64_t size;
  memcpy(&size, f->directory + 8 * file, sizeof size);
  return size;
}

static int set_size(sd_files* f, int32_t file, uint64_t size) {
  memcpy(f->directory + 8 * file, &size, sizeof size);
  return sd_write(1, f->directory) ? MS_E_IO : MS_OK;
}

/* The place of a file of history/ whose name ends in six digits and ".bin". */
static int32_t place_of(const char* name, uint32_t* number) {
  static const char folder[] = "history/";
  if (strncmp(name, folder, sizeof folder - 1)) return -1;
  *number = 0;
  for (const char* p = name + sizeof folder - 1; *p >= '0' && *p <= '9'; p++)
    *number = 10 * *number + (uint32_t)(*p - '0');
  return SD_FIXED + (int32_t)(*number % (SD_FILES - SD_FIXED));
}

static int open_history(sd_files* f, const char* name, int mode, int32_t* file) {
  uint32_t number, there;
  int32_t i = place_of(name, &number);
  if (i < 0) return MS_E_NOT_FOUND;
  uint8_t* at = f->directory + SD_NUMBERS + 4 * (i - SD_FIXED);
  memcpy(&there, at, sizeof there);
  *file = i;
  if (size_of(f, i) && there == number) return MS_OK;
  if (mode != MS_CREATE) return MS_E_NOT_FOUND;
  if (size_of(f, i)) return MS_E_CARD_FULL; /* an older one is there */
  memcpy(at, &number, sizeof number);
  return set_size(f, i, 1);
}

static int do_open(void* context, const char* name, int mode, int32_t* file) {
  static const char* const names[SD_FIXED] = {"memory_slots.bin", "memory_index.bin", "memory_backup.bin",
                                              "memory_metadata.json"};
  for (int32_t i = 0; i < SD_FIXED; i++) {
    if (strcmp(names[i], name)) continue;
    if (!size_of(context, i) && mode != MS_CREATE) return MS_E_NOT_FOUND;
    *file = i;
    return size_of(context, i) ? MS_OK : set_size(context, i, 1);
  }
  return open_history(context, name, mode, file);
}

static int do_remove(void* context, const char* name) {
  int32_t file;
  int status = open_history(context, name, MS_READ, &file);
  return status ? status : set_size(context, file, 0);
}

static int do_close(void* context, int32_t file) {
  (void)context;
  (void)file;
  return MS_OK;
}

static int do_size(void* context, int32_t file, uint64_t* bytes) {
  *bytes = size_of(context, file) - 1;
  return MS_OK;
}

static int do_preallocate(void* context, int32_t file, uint64_t bytes, int zeroed) {
  sd_files* f = context;
  uint64_t before = size_of(f, file) - 1;
  if (bytes > f->capacity[file]) return MS_E_CARD_FULL;
  memset(f->sector, 0, MS_SECTOR);
  for (uint64_t at = (before + MS_SECTOR - 1) / MS_SECTOR; zeroed && at * MS_SECTOR < bytes; at++)
    if (sd_write(f->first[file] + (uint32_t)at, f->sector)) return MS_E_IO;
  return set_size(f, file, bytes + 1);
}

static int32_t do_read(void* context, int32_t file, uint64_t offset, void* data, uint32_t bytes) {
  sd_files* f = context;
  if (sd_read(f->first[file] + (uint32_t)(offset / MS_SECTOR), f->sector)) return MS_E_IO;
  memcpy(data, f->sector, bytes);
  return (int32_t)bytes;
}

static int32_t do_write(void* context, int32_t file, uint64_t offset, const void* data, uint32_t bytes) {
  sd_files* f = context;
  memset(f->sector, 0, MS_SECTOR);
  memcpy(f->sector, data, bytes);
  return sd_write(f->first[file] + (uint32_t)(offset / MS_SECTOR), f->sector) ? MS_E_IO : (int32_t)bytes;
}

static int do_sync(void* context) {
  (void)context; /* sd_write returns when the card is no longer busy */
  return MS_OK;
}

int sd_port(ms_port* port, sd_files* f, const ms_config* config) {
  ms_file_sizes sizes;
  if (ms_card_size(config, &sizes)) return MS_E_ARGUMENT;
  uint64_t bytes[SD_FILES] = {sizes.slots,   sizes.index,   sizes.backup, sizes.metadata,
                              sizes.history, sizes.history, sizes.history};
  uint32_t sector = 64;
  for (int i = 0; i < SD_FILES; i++) {
    f->first[i] = sector;
    f->capacity[i] = (bytes[i] + MS_SECTOR - 1) / MS_SECTOR * MS_SECTOR;
    sector += (uint32_t)(f->capacity[i] / MS_SECTOR);
  }
  if (sd_read(1, f->directory)) return MS_E_IO;
  *port = (ms_port){.context = f,
                    .open = do_open,
                    .close = do_close,
                    .size = do_size,
                    .preallocate = do_preallocate,
                    .read = do_read,
                    .write = do_write,
                    .sync = do_sync,
                    .remove = do_remove};
  return MS_OK;
}
