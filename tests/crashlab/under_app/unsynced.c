/* LD_PRELOAD layer: keeps a journal of what a program does to one folder, with its barriers, so that the
 * folder can be made as a power cut would leave it: what was not synced is not there. It can also make one
 * call fail.
 *
 * UNSYNCED_FOLDER   absolute path; calls on what is in it are journalled, no others
 * UNSYNCED_JOURNAL  the file to append to
 * UNSYNCED_FAIL     "n:errno": the n-th call fails so, or "n+:errno": that one and every later one (n from 1)
 *
 * A record: kind (1 byte), inode (8), offset or size (8), bytes that follow (4), those bytes; little-endian.
 *   C path  made      W data  written   T  its size is now     R from\0to  renamed    U path  removed
 *   M path  folder    S  synced         D path  folder synced  F  sync failed         A text  written to
 * stdout */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FDS = 4096 };
static char watched[FDS]; /* 1: a file of the folder, 2: the folder or one in it */
static const char* folder;
static int journal = -1, fail_code, fail_on;
static long fail_at, calls;

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("UNSYNCED_JOURNAL"), *fail = getenv("UNSYNCED_FAIL");
  folder = getenv("UNSYNCED_FOLDER");
  if (!folder || !path) return;
  journal = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (!fail) return;
  char* end;
  fail_at = strtol(fail, &end, 10);
  fail_on = *end == '+';
  fail_code = atoi(end + 1 + fail_on);
}

static void note(char kind, uint64_t inode, uint64_t at, const void* data, uint32_t bytes) {
  static __thread uint8_t record[21 + 65536];
  if (journal < 0 || bytes > 65536) return;
  record[0] = (uint8_t)kind;
  memcpy(record + 1, &inode, 8);
  memcpy(record + 9, &at, 8);
  memcpy(record + 17, &bytes, 4);
  if (bytes) memcpy(record + 21, data, bytes);
  if (syscall(SYS_write, journal, record, (size_t)bytes + 21) < 0)
    _exit(99); /* one write: whole or not there */
}

static int in_folder(const char* path) {
  size_t n = folder ? strlen(folder) : 0;
  return journal >= 0 && path && !strncmp(path, folder, n) && (path[n] == '/' || !path[n]);
}

/* 1, and errno: this call is to fail. */
static int fails(void) {
  calls++;
  if (!fail_at || (calls != fail_at && !(fail_on && calls > fail_at))) return 0;
  errno = fail_code;
  return 1;
}

static int is_watched(int fd) { return fd >= 0 && fd < FDS && watched[fd]; }

static uint64_t inode_of(int fd) {
  struct stat info;
  return fstat(fd, &info) ? 0 : (uint64_t)info.st_ino;
}

#define REAL(name)               \
  static __typeof__(&name) real; \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int opened(int at, const char* path, int flags, mode_t mode) {
  struct stat info;
  int card = in_folder(path), was_there = card && !lstat(path, &info);
  if (card && fails()) return -1;
  int fd = (int)syscall(SYS_openat, at, path, flags, mode);
  if (fd < 0 || fd >= FDS) return fd;
  watched[fd] = (char)(card ? (flags & O_DIRECTORY ? 2 : 1) : 0);
  if (card && flags & O_CREAT && !was_there) note('C', inode_of(fd), 0, path, (uint32_t)strlen(path));
  if (card && flags & O_TRUNC && was_there) note('T', inode_of(fd), 0, NULL, 0);
  return fd;
}

static mode_t mode_of(int flags, va_list more) {
  return flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;
}

#define OPEN(name)                              \
  int name(const char* path, int flags, ...) {  \
    va_list more;                               \
    va_start(more, flags);                      \
    mode_t mode = mode_of(flags, more);         \
    va_end(more);                               \
    return opened(AT_FDCWD, path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

static ssize_t written(int fd, const void* data, size_t bytes, off_t at) {
  if (is_watched(fd)) {
    if (fails()) return -1;
    note('W', inode_of(fd), (uint64_t)at, data, (uint32_t)bytes);
  }
  return (ssize_t)syscall(SYS_pwrite64, fd, data, bytes, at);
}
ssize_t pwrite(int fd, const void* data, size_t bytes, off_t at) { return written(fd, data, bytes, at); }
ssize_t pwrite64(int fd, const void* data, size_t bytes, off64_t at) { return written(fd, data, bytes, at); }

/* What the program says is in the journal too: what was acknowledged before a cut. */
ssize_t write(int fd, const void* data, size_t bytes) {
  ssize_t done = (ssize_t)syscall(SYS_write, fd, data, bytes);
  if (fd == 1 && done > 0) note('A', 0, 0, data, (uint32_t)done);
  return done;
}

static ssize_t have_read(int fd, void* data, size_t bytes, off_t at) {
  if (is_watched(fd) && fails()) return -1;
  return (ssize_t)syscall(SYS_pread64, fd, data, bytes, at);
}
ssize_t pread(int fd, void* data, size_t bytes, off_t at) { return have_read(fd, data, bytes, at); }
ssize_t pread64(int fd, void* data, size_t bytes, off64_t at) { return have_read(fd, data, bytes, at); }

static int resized(int fd, off_t bytes) {
  if (is_watched(fd)) {
    if (fails()) return -1;
    note('T', inode_of(fd), (uint64_t)bytes, NULL, 0);
  }
  return (int)syscall(SYS_ftruncate, fd, bytes);
}
int ftruncate(int fd, off_t bytes) { return resized(fd, bytes); }
int ftruncate64(int fd, off64_t bytes) { return resized(fd, bytes); }

static int allocated(int fd, off_t at, off_t bytes) { /* returns the error, errno stays */
  if (is_watched(fd) && fails()) return fail_code;
  return syscall(SYS_fallocate, fd, 0, at, bytes) ? errno : 0;
}
int posix_fallocate(int fd, off_t at, off_t bytes) { return allocated(fd, at, bytes); }
int posix_fallocate64(int fd, off64_t at, off64_t bytes) { return allocated(fd, at, bytes); }

static int synced(int fd, long call) {
  char path[64], name[4096];
  if (!is_watched(fd)) return (int)syscall(call, fd);
  if (fails() || syscall(call, fd)) {
    note('F', inode_of(fd), 0, NULL, 0);
    return -1;
  }
  if (watched[fd] == 1) {
    note('S', inode_of(fd), 0, NULL, 0);
    return 0;
  }
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(path, name, sizeof name);
  if (n > 0) note('D', 0, 0, name, (uint32_t)n);
  return 0;
}
int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

int rename(const char* from, const char* to) {
  REAL(rename);
  char both[8192];
  if (!in_folder(from) && !in_folder(to)) return real(from, to);
  if (fails()) return -1;
  int n = snprintf(both, sizeof both, "%s%c%s", from, 0, to), status = real(from, to);
  if (!status) note('R', 0, 0, both, (uint32_t)n);
  return status;
}

int unlink(const char* path) {
  REAL(unlink);
  if (in_folder(path) && fails()) return -1;
  int status = real(path);
  if (!status && in_folder(path)) note('U', 0, 0, path, (uint32_t)strlen(path));
  return status;
}

int mkdir(const char* path, mode_t mode) {
  REAL(mkdir);
  if (in_folder(path) && fails()) return -1;
  int status = real(path, mode);
  if (!status && in_folder(path)) note('M', 0, 0, path, (uint32_t)strlen(path));
  return status;
}
