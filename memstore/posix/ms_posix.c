#define _DEFAULT_SOURCE
#define _FILE_OFFSET_BITS 64
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

enum { PATH_BYTES = MS_POSIX_PATH + MS_POSIX_NAME + 8 };

static int path_of(const ms_posix* s, const char* name, const char* suffix, char* path) {
  int n = snprintf(path, PATH_BYTES, "%s/%s%s", s->folder, name, suffix);
  return n > 0 && n < PATH_BYTES ? MS_OK : MS_E_ARGUMENT;
}

static int parent_of(const ms_posix* s, char* path) {
  int n = snprintf(path, PATH_BYTES, "%s", s->folder);
  if (n <= 0 || n >= PATH_BYTES) return MS_E_ARGUMENT;
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
    char parent[PATH_BYTES];
    int status = parent_of(s, parent);
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
  char path[PATH_BYTES];
  if (mkdir(s->folder, 0777) == 0) {
    int fd = lock_folder(s->folder);
    if (fd < 0) return fd;
    if (s->lock_fd >= 0) close(s->lock_fd);
    s->lock_fd = fd;
    s->made_folder = 1;
    s->names_changed = 1;
  } else if (errno != EEXIST) {
    return errno == ENOENT ? MS_E_NO_CARD : code(errno);
  }
  const char* slash = strchr(name, '/');
  if (!slash) return MS_OK;
  int status = path_of(s, name, "", path);
  if (status) return status;
  *strrchr(path, '/') = 0;
  if (mkdir(path, 0777)) return errno == EEXIST ? MS_OK : code(errno);
  s->names_changed = 1;
  return MS_OK;
}

static int open_regular(const char* path, int flags, int* fd) {
  struct stat info;
  *fd = open(path, flags | O_CLOEXEC, 0666);
  if (*fd < 0) return code(errno);
  if (!fstat(*fd, &info) && S_ISREG(info.st_mode)) return MS_OK;
  close(*fd);
  return MS_E_IO;
}

/* A file that is made has a name of its own until preallocate has given it its length: what a cut leaves
 * before that does not look like a file of a memory. */
static int do_open(void* context, const char* name, int mode, int32_t* file) {
  ms_posix* s = context;
  char path[PATH_BYTES];
  int32_t slot = 0;
  int fd, status = strlen(name) < MS_POSIX_NAME ? path_of(s, name, "", path) : MS_E_ARGUMENT;
  while (slot < MS_POSIX_FILES && s->file[slot].fd >= 0) slot++;
  if (status || slot == MS_POSIX_FILES) return status ? status : MS_E_ARGUMENT;
  int is_new = 0;
  status = open_regular(path, mode == MS_READ ? O_RDONLY : O_RDWR, &fd);
  if (status == MS_E_NOT_FOUND && mode == MS_CREATE) {
    status = make_folders(s, name);
    if (!status) status = path_of(s, name, ".new", path);
    if (!status) status = open_regular(path, O_RDWR | O_CREAT | O_TRUNC, &fd);
    is_new = 1;
  }
  if (status) return status;
  s->file[slot] = (ms_posix_file){.fd = fd, .is_new = (uint8_t)is_new, .read_only = mode == MS_READ};
  strcpy(s->file[slot].name, name);
  *file = slot;
  return MS_OK;
}

/* The file that its path leads to is the one that is open: no one has removed or renamed it or its folder. */
static int still_there(const ms_posix* s, const ms_posix_file* f) {
  char path[PATH_BYTES];
  struct stat ours, named;
  int status = path_of(s, f->name, f->is_new ? ".new" : "", path);
  if (status) return status;
  if (fstat(f->fd, &ours)) return code(errno);
  if (stat(path, &named)) return errno == ENOENT || errno == ENOTDIR ? MS_E_NO_CARD : code(errno);
  return ours.st_ino == named.st_ino && ours.st_dev == named.st_dev ? MS_OK : MS_E_NO_CARD;
}

/* After a failed fdatasync the kernel calls its pages clean, and the next one says 0. The file is opened
 * anew, so that no state of the old description is left; the caller writes again what it had written. */
static void open_anew(ms_posix* s, ms_posix_file* f) {
  char path[PATH_BYTES];
  int fd;
  if (path_of(s, f->name, f->is_new ? ".new" : "", path) || still_there(s, f)) return;
  if (open_regular(path, f->read_only ? O_RDONLY : O_RDWR, &fd)) return;
  close(f->fd);
  f->fd = fd;
}

static int sync_file(ms_posix* s, ms_posix_file* f) {
  if (!f->dirty) return MS_OK;
  if (fdatasync(f->fd)) {
    int status = code(errno);
    open_anew(s, f);
    return status;
  }
  f->dirty = 0;
  return MS_OK;
}

static int do_close(void* context, int32_t file) {
  ms_posix* s = context;
  ms_posix_file* f = &s->file[file];
  int status = sync_file(s, f);
  if (close(f->fd) && !status) status = code(errno);
  if (f->is_new) { /* never had its length */
    char path[PATH_BYTES];
    if (!path_of(s, f->name, ".new", path)) unlink(path);
  }
  f->fd = -1;
  return status;
}

static int do_size(void* context, int32_t file, uint64_t* bytes) {
  ms_posix* s = context;
  struct stat info;
  if (fstat(s->file[file].fd, &info)) return code(errno);
  *bytes = (uint64_t)info.st_size;
  return MS_OK;
}

/* Its length and its zeros are on the card: from now on it bears its name. */
static int publish(ms_posix* s, ms_posix_file* f) {
  char from[PATH_BYTES], to[PATH_BYTES];
  int status = path_of(s, f->name, ".new", from);
  if (!status) status = path_of(s, f->name, "", to);
  if (!status && fsync(f->fd)) status = code(errno);
  if (!status && rename(from, to)) status = code(errno);
  if (status) return status;
  f->is_new = 0;
  f->dirty = 0;
  s->names_changed = 1;
  return MS_OK;
}

static int do_preallocate(void* context, int32_t file, uint64_t bytes, int zeroed) {
  ms_posix* s = context;
  ms_posix_file* f = &s->file[file];
  struct stat before;
  (void)zeroed; /* new bytes of a file are zeros on every POSIX system */
  if (fstat(f->fd, &before)) return code(errno);
  f->dirty = 1;
  if (ftruncate(f->fd, (off_t)bytes)) return code(errno);
  int error = posix_fallocate(f->fd, 0, (off_t)bytes);
  if (!error || error == EOPNOTSUPP || error == EINVAL) return f->is_new ? publish(s, f) : MS_OK;
  /* no room: a file of the right size with holes would pass for a preallocated one the next time */
  return ftruncate(f->fd, before.st_size) ? code(errno) : code(error);
}

static int32_t do_read(void* context, int32_t file, uint64_t offset, void* data, uint32_t bytes) {
  ms_posix* s = context;
  uint32_t done = 0;
  while (done < bytes) {
    ssize_t n = pread(s->file[file].fd, (uint8_t*)data + done, bytes - done, (off_t)(offset + done));
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
  s->file[file].dirty = 1;
  while (done < bytes) {
    ssize_t n = pwrite(s->file[file].fd, (const uint8_t*)data + done, bytes - done, (off_t)(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return code(errno);
    if (!n) break; /* a device that takes nothing: fewer bytes than asked */
    done += (uint32_t)n;
  }
  return (int32_t)done;
}

static int sync_folder(const char* path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return code(errno);
  int status = fsync(fd) && errno != EINVAL ? code(errno) : MS_OK;
  close(fd);
  return status;
}

/* A name is in its folder only when the folder has been synced. */
static int sync_folders(const ms_posix* s) {
  char path[PATH_BYTES];
  int status = path_of(s, "history", "", path);
  if (!status) status = sync_folder(path);
  if (status == MS_E_NOT_FOUND) status = MS_OK;
  if (!status) status = sync_folder(s->folder);
  if (!status) status = parent_of(s, path);
  return status ? status : sync_folder(path);
}

/* A barrier for one file, or with -1 for all of them. */
static int sync_files(ms_posix* s, int32_t only) {
  int status = MS_OK;
  for (int32_t i = 0; i < MS_POSIX_FILES; i++) {
    ms_posix_file* f = &s->file[i];
    if (f->fd < 0) continue;
    /* all of them: each has an error of its own to report */
    int file_status = only < 0 || only == i ? sync_file(s, f) : MS_OK;
    if (!file_status) file_status = still_there(s, f);
    if (!status) status = file_status;
  }
  if (!status && s->names_changed) status = sync_folders(s);
  if (!status) s->names_changed = 0;
  return status;
}

static int do_sync(void* context) { return sync_files(context, -1); }

static int do_sync_file(void* context, int32_t file) {
  ms_posix* s = context;
  return sync_files(s, s->names_changed ? -1 : file);
}

static uint32_t do_micros(void* context) {
  (void)context;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint32_t)((uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u);
}

static int do_remove(void* context, const char* name) {
  ms_posix* s = context;
  char path[PATH_BYTES];
  int status = path_of(s, name, "", path);
  if (status) return status;
  status = unlink(path) ? code(errno) : MS_OK;
  s->names_changed = 1;
  if (s->made_folder) rmdir(s->folder); /* fails while something is in it */
  return status;
}

static uint32_t do_random(void* context) {
  (void)context;
  uint32_t number = 0;
  if (getentropy(&number, sizeof number)) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    number = ((uint32_t)now.tv_sec * 1000003u) ^ (uint32_t)now.tv_nsec ^ (uint32_t)getpid() << 16;
  }
  return number;
}

int ms_posix_port(ms_port* port, ms_posix* state, const char* folder) {
  if (!port || !state || !folder || !*folder || strlen(folder) >= sizeof state->folder) return MS_E_ARGUMENT;
  memset(state, 0, sizeof *state);
  strcpy(state->folder, folder);
  state->lock_fd = -1;
  for (int i = 0; i < MS_POSIX_FILES; i++) state->file[i].fd = -1;
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
                    .remove = do_remove,
                    .random = do_random,
                    .sync_file = do_sync_file};
  return MS_OK;
}

size_t ms_posix_size(void) { return sizeof(ms_posix); }
