/* memstore_stores memstore|littlefs FOLDER K N: N episodes of 256 bytes into K slots, each durable before the
 * next. memstore: ms_teach of new names, through the POSIX port. littlefs: one file per slot (key, name and
 * episode), on a block device of 512-byte blocks in one file; its sync is fdatasync. */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lfs.h"
#include "ms_posix.h"

#define BLOCKS 4096

static uint32_t state = 1;
static float uniform(void) {
  state = state * 1664525u + 1013904223u;
  return (float)(int32_t)state / 2147483648.0f;
}

static int with_memstore(const char* folder, uint32_t slots, int n) {
  ms_config config = {
      .slots = slots, .dim = 128, .hot = slots < 8 ? slots : 8, .alpha = 0.2f, .merge_threshold = 0.95f};
  ms_posix posix;
  ms_port port;
  ms_memory* memory;
  char path[1000];
  snprintf(path, sizeof path, "%s/bitmar_memory", folder);
  size_t bytes = ms_memory_size(&config);
  if (ms_posix_port(&port, &posix, path) || ms_open(&memory, malloc(bytes), bytes, &config, &port, 0, NULL))
    return 1;
  for (int i = 0; i < n; i++) {
    float episode[128], key[128];
    char name[32];
    for (int j = 0; j < 128; j++) episode[j] = uniform(), key[j] = uniform() / 8.0f;
    snprintf(name, sizeof name, "thing %d", i);
    if (ms_teach(memory, name, episode, key, 1.0f, 0, NULL)) return 1;
  }
  return ms_close(memory);
}

static int device;
static int block_read(const struct lfs_config* c, lfs_block_t block, lfs_off_t off, void* data,
                      lfs_size_t n) {
  return pread(device, data, n, (off_t)block * c->block_size + off) == (ssize_t)n ? 0 : LFS_ERR_IO;
}
static int block_program(const struct lfs_config* c, lfs_block_t block, lfs_off_t off, const void* data,
                         lfs_size_t n) {
  return pwrite(device, data, n, (off_t)block * c->block_size + off) == (ssize_t)n ? 0 : LFS_ERR_IO;
}
static int block_erase(const struct lfs_config* c, lfs_block_t block) {
  (void)c, (void)block; /* an SD card erases by itself */
  return 0;
}
static int block_sync(const struct lfs_config* c) {
  (void)c;
  return fdatasync(device) ? LFS_ERR_IO : 0;
}

static int with_littlefs(const char* folder, uint32_t slots, int n) {
  char path[1000];
  snprintf(path, sizeof path, "%s/littlefs.img", folder);
  device = open(path, O_RDWR | O_CREAT, 0666);
  struct lfs_config config = {.read = block_read,
                              .prog = block_program,
                              .erase = block_erase,
                              .sync = block_sync,
                              .read_size = 512,
                              .prog_size = 512,
                              .block_size = 512,
                              .block_count = BLOCKS,
                              .cache_size = 512,
                              .lookahead_size = 64,
                              .block_cycles = 500};
  lfs_t fs;
  if (device < 0 || ftruncate(device, BLOCKS * 512) || lfs_format(&fs, &config) || lfs_mount(&fs, &config))
    return 1;
  for (int i = 0; i < n; i++) {
    uint8_t episode[448]; /* 128 of key, 64 of name, 256 of episode: what memstore keeps */
    char name[32];
    lfs_file_t file;
    for (size_t j = 0; j < sizeof episode; j++) episode[j] = (uint8_t)(uniform() * 127.0f);
    snprintf(name, sizeof name, "slot%u", (unsigned)i % slots);
    if (lfs_file_open(&fs, &file, name, LFS_O_WRONLY | LFS_O_CREAT | LFS_O_TRUNC) ||
        lfs_file_write(&fs, &file, episode, sizeof episode) != sizeof episode || lfs_file_close(&fs, &file))
      return 1;
  }
  return lfs_unmount(&fs);
}

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  uint32_t slots = (uint32_t)atoi(argv[3]);
  return strcmp(argv[1], "memstore") ? with_littlefs(argv[2], slots, atoi(argv[4]))
                                     : with_memstore(argv[2], slots, atoi(argv[4]));
}
