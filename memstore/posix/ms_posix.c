#define _DEFAULT_SOURCE
#include "ms_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int code(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return MS_E_NOT_FOUND;
    case ENODEV:
    case ENXIO:
    case ENOMEDIUM:
      return MS_E_NO_CARD;
    case EROFS:
    case EACCES:
    case EPERM:
      return MS_E_READ_ONLY;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return MS_E_CARD_FULL;
    case EWOULDBLOCK:
      return MS_E_LOCKED;
    default:
      return MS_E_IO;
  }
}

static int path_of(const ms_posix* s, const char* name, char* path, size_t room) {
  int n = snprintf(path, room, "%s/%s", s->folder, name);
  return n > 0 && (size_t)n < room ? MS_OK : MS_E_ARGUMENT;
}

static int parent_of(const ms_posix* s, char* path, size_t room) {
  int n = snprintf(path, room, "%s", s->folder);
  if (n <= 0 || (size_t)n >= room) return MS_E_ARGUMENT;
  while (n > 1 && path[n - 1] == '/') path[--n] = 0;
  char* slash = strrchr(path, '/');
  if (!slash)
    strcpy(path, ".");
  else if (slash == path)
    path[1] = 0;
  else
    *slash = 0;
  return MS_OK;
}

static int lock_folder(const char* path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return code(errno);
  if (flock(fd, LOCK_EX | LOCK_NB)) {
    int error = code(errno);
    close(fd);
    return error;
  }
  return fd; /* >= 0 */
}

/* The folder itself is locked, so nothing is written to a card that is only read. */
static int do_lock(void* context) {
  ms_posix* s = context;
  int fd = lock_folder(s->folder);
  if (fd ==
      MS_E_NOT_FOUND) { /* no memory yet: whoever makes one holds the parent until the folder is there */
    char parent[sizeof s->folder];
    int status = parent_of(s, parent, sizeof parent);
    if (status) return status;
    fd = lock_folder(parent);
    if (fd == MS_E_NOT_FOUND) return MS_E_NO_CARD;
  }
  if (fd < 0) return fd;
  s->lock_fd = fd;
  return MS_OK;
}

static void do_unlock(void* context) {
  ms_posix* s = context;
  if (s->lock_fd >= 0) close(s->lock_fd);
  s->lock_fd = -1;
}

static int make_folders(ms_posix* s, const char* name) {
  char path[sizeof s->folder + 64];
  if (mkdir(s->folder, 0777) == 0) {
    int fd = lock_folder(s->folder);
    if (fd < 0) return fd;
    if (s->lock_fd >= 0) close(s->lock_fd);
    s->lock_fd = fd;
    s->made_folder = 1;
  } else if (errno != EEXIST) {
    return errno == ENOENT ? MS_E_NO_CARD : code(errno);
  }
  const char* slash = strchr(name, '/');
  if (!slash) return MS_OK;
  int n = snprintf(path, sizeof path, "%s/%.*s", s->folder, (int)(slash - name), name);
  if (n <= 0 || (size_t)n >= sizeof path) return MS_E_ARGUMENT;
  return mkdir(path, 0777) == 0 || errno == EEXIST ? MS_OK : code(errno);
}

static int do_open(void* context, const char* name, int mode, int32_t* file) {
  ms_posix* s = context;
  char path[sizeof s->folder + 64];
  int status = path_of(s, name, path, sizeof path), slot = 0;
  while (slot < MS_POSIX_FILES && s->fd[slot] >= 0) slot++;
  if (status || slot == MS_POSIX_FILES) return status ? status : MS_E_ARGUMENT;
  int fd = open(path, (mode == MS_READ ? O_RDONLY : O_RDWR) | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT && mode == MS_CREATE) {
    status = make_folders(s, name);
    if (status) return status;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    s->created = 1;
  }
  if (fd < 0) return code(errno);
  struct stat info;
  if (fstat(fd, &info) || !S_ISREG(info.st_mode)) {
    close(fd);
    return MS_E_IO;
  }
  s->fd[slot] = fd;
  s->dirty[slot] = 0;
  *file = slot;
  return MS_OK;
}

static int sync_file(ms_posix* s, int32_t file) {
  if (!s->dirty[file]) return MS_OK;
  if (fdatasync(s->fd[file])) return code(errno);
  s->dirty[file] = 0;
  return MS_OK;
}

static void do_close(void* context, int32_t file) {
  ms_posix* s = context;
  sync_file(s, file);
  close(s->fd[file]);
  s->fd[file] = -1;
}

static int do_size(void* context, int32_t file, uint64_t* bytes) {
  ms_posix* s = context;
  struct stat info;
  if (fstat(s->fd[file], &info)) return code(errno);
  *bytes = (uint64_t)info.st_size;
  return MS_OK;
}

static int do_preallocate(void* context, int32_t file, uint64_t bytes) {
  ms_posix* s = context;
  struct stat before;
  if (fstat(s->fd[file], &before)) return code(errno);
  s->dirty[file] = 1;
  if (ftruncate(s->fd[file], (off_t)bytes)) return code(errno);
  int error = posix_fallocate(s->fd[file], 0, (off_t)bytes);
  if (!error || error == EOPNOTSUPP || error == EINVAL) return MS_OK;
  /* no room: a file of the right size with holes would pass for a preallocated one the next time */
  return ftruncate(s->fd[file], before.st_size) ? code(errno) : code(error);
}

static int32_t do_read(void* context, int32_t file, uint64_t offset, void* data, uint32_t bytes) {
  ms_posix* s = context;
  uint32_t done = 0;
  while (done < bytes) {
    ssize_t n = pread(s->fd[file], (uint8_t*)data + done, bytes - done, (off_t)(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return code(errno);
    if (!n) break;
    done += (uint32_t)n;
  }
  return (int32_t)done;
}

static int32_t do_write(void* context, int32_t file, uint64_t offset, const void* data, uint32_t bytes) {
  ms_posix* s = context;
  uint32_t done = 0;
  s->dirty[file] = 1;
  while (done < bytes) {
    ssize_t n = pwrite(s->fd[file], (const uint8_t*)data + done, bytes - done, (off_t)(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return code(errno);
    done += (uint32_t)n;
  }
  return (int32_t)done;
}

/* A new name is in its folder only when the folder has been synced. */
static int sync_folders(const ms_posix* s) {
  char path[sizeof s->folder + 64];
  for (int i = 0; i < 3; i++) {
    int status = i == 0   ? path_of(s, "states", path, sizeof path)
                 : i == 1 ? path_of(s, "", path, sizeof path)
                          : parent_of(s, path, sizeof path);
    if (status) return status;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
      if (i == 0) continue;
      return code(errno);
    }
    status = fsync(fd) && errno != EINVAL ? code(errno) : MS_OK;
    close(fd);
    if (status) return status;
  }
  return MS_OK;
}

static int do_sync(void* context) {
  ms_posix* s = context;
  for (int32_t i = 0; i < MS_POSIX_FILES; i++) {
    int status = s->fd[i] >= 0 ? sync_file(s, i) : MS_OK;
    if (status) return status;
  }
  int status = s->created ? sync_folders(s) : MS_OK;
  if (!status) s->created = 0;
  return status;
}

static uint32_t do_micros(void* context) {
  (void)context;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint32_t)((uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u);
}

static int do_remove(void* context, const char* name) {
  ms_posix* s = context;
  char path[sizeof s->folder + 64];
  int status = path_of(s, name, path, sizeof path);
  if (status) return status;
  status = unlink(path) ? code(errno) : MS_OK;
  if (s->made_folder) rmdir(s->folder); /* fails while something is in it */
  return status;
}

int ms_posix_port(ms_port* port, ms_posix* state, const char* folder) {
  if (!port || !state || !folder || !*folder || strlen(folder) >= sizeof state->folder) return MS_E_ARGUMENT;
  memset(state, 0, sizeof *state);
  strcpy(state->folder, folder);
  state->lock_fd = -1;
  for (int i = 0; i < MS_POSIX_FILES; i++) state->fd[i] = -1;
  *port = (ms_port){.context = state,
                    .lock = do_lock,
                    .unlock = do_unlock,
                    .open = do_open,
                    .close = do_close,
                    .size = do_size,
                    .preallocate = do_preallocate,
                    .read = do_read,
                    .write = do_write,
                    .sync = do_sync,
                    .micros = do_micros,
                    .remove = do_remove};
  return MS_OK;
}

size_t ms_posix_size(void) { return sizeof(ms_posix); }
