#include "semihost.h"

#include <string.h>

enum {
  SYS_OPEN = 0x01,
  SYS_CLOSE = 0x02,
  SYS_WRITE = 0x05,
  SYS_READ = 0x06,
  SYS_SEEK = 0x0A,
  SYS_FLEN = 0x0C,
  SYS_REMOVE = 0x0E,
  SYS_RENAME = 0x0F,
  SYS_TIME = 0x11,
  SYS_GET_CMDLINE = 0x15,
  SYS_EXIT_EXTENDED = 0x20,
};

int32_t semihost_call(int32_t operation, const void* argument) {
  register int32_t r0 __asm__("r0") = operation;
  register const void* r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

int32_t semihost_open(const char* path, int32_t mode) {
  const uint32_t block[3] = {(uint32_t)path, (uint32_t)mode, strlen(path)};
  return semihost_call(SYS_OPEN, block);
}

int32_t semihost_close(int32_t handle) { return semihost_call(SYS_CLOSE, &handle); }

static int32_t seek(int32_t handle, uint32_t offset) {
  const uint32_t block[2] = {(uint32_t)handle, offset};
  return semihost_call(SYS_SEEK, block);
}

int32_t semihost_read_at(int32_t handle, uint32_t offset, void* data, uint32_t bytes) {
  if (seek(handle, offset) != 0) return -1;
  const uint32_t block[3] = {(uint32_t)handle, (uint32_t)data, bytes};
  return semihost_call(SYS_READ, block) == 0 ? 0 : -1; /* the result is the number of bytes NOT read */
}

int32_t semihost_write_at(int32_t handle, uint32_t offset, const void* data, uint32_t bytes) {
  if (seek(handle, offset) != 0) return -1;
  const uint32_t block[3] = {(uint32_t)handle, (uint32_t)data, bytes};
  return semihost_call(SYS_WRITE, block) == 0 ? 0 : -1;
}

int32_t semihost_length(int32_t handle) { return semihost_call(SYS_FLEN, &handle); }

int32_t semihost_rename(const char* from, const char* to) {
  const uint32_t block[4] = {(uint32_t)from, strlen(from), (uint32_t)to, strlen(to)};
  return semihost_call(SYS_RENAME, block) == 0 ? 0 : -1;
}

int32_t semihost_remove(const char* path) {
  const uint32_t block[2] = {(uint32_t)path, strlen(path)};
  return semihost_call(SYS_REMOVE, block) == 0 ? 0 : -1;
}

uint32_t semihost_time(void) { return (uint32_t)semihost_call(SYS_TIME, NULL); }

int32_t semihost_command_line(char* buffer, uint32_t bytes) {
  uint32_t block[2] = {(uint32_t)buffer, bytes - 1};
  return semihost_call(SYS_GET_CMDLINE, block);
}

void semihost_exit(int32_t code) {
  const uint32_t block[2] = {0x20026 /* ADP_Stopped_ApplicationExit */, (uint32_t)code};
  for (;;) (void)semihost_call(SYS_EXIT_EXTENDED, block);
}
