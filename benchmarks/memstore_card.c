/* Counts what a program writes to the card's folder, for memstore, SQLite and littlefs alike: LD_PRELOAD it
 * with CARD_FOLDER and CARD_REPORT set. A write counts the 512-byte sectors that it touches, a sync is a
 * barrier. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned long long sectors, barriers;

static int on_card(int fd) {
  char link[64], path[4096];
  const char* folder = getenv("CARD_FOLDER");
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n <= 0 || !folder) return 0;
  path[n] = 0;
  return !strncmp(path, folder, strlen(folder));
}

static void count(int fd, size_t bytes, off_t offset) {
  if (bytes && on_card(fd)) sectors += (offset + bytes - 1) / 512 - offset / 512 + 1;
}

ssize_t pwrite64(int fd, const void* data, size_t bytes, off_t offset) {
  static ssize_t (*next)(int, const void*, size_t, off_t);
  if (!next) next = (ssize_t(*)(int, const void*, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64");
  count(fd, bytes, offset);
  return next(fd, data, bytes, offset);
}

ssize_t pwrite(int fd, const void* data, size_t bytes, off_t offset) {
  return pwrite64(fd, data, bytes, offset);
}

ssize_t write(int fd, const void* data, size_t bytes) {
  static ssize_t (*next)(int, const void*, size_t);
  if (!next) next = (ssize_t(*)(int, const void*, size_t))dlsym(RTLD_NEXT, "write");
  if (on_card(fd)) count(fd, bytes, lseek(fd, 0, SEEK_CUR));
  return next(fd, data, bytes);
}

int fdatasync(int fd) {
  static int (*next)(int);
  if (!next) next = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  barriers += (unsigned)on_card(fd);
  return next(fd);
}

int fsync(int fd) {
  static int (*next)(int);
  if (!next) next = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  barriers += (unsigned)on_card(fd);
  return next(fd);
}

__attribute__((destructor)) static void report(void) {
  const char* path = getenv("CARD_REPORT");
  FILE* f = path ? fopen(path, "w") : NULL;
  if (!f) return;
  fprintf(f, "%llu %llu\n", sectors, barriers);
  fclose(f);
}
