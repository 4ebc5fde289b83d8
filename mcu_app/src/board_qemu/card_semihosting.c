#include "card_semihosting.h"

#include <string.h>

#include "semihost.h"

enum { PATH_BYTES = 320, SYS_ERRNO = 0x13 };

/* errno values of the semihosting interface are those of the host's C library (Linux) */
enum { HOST_ENOENT = 2, HOST_EACCES = 13, HOST_ENOTDIR = 20, HOST_ENOSPC = 28, HOST_EROFS = 30 };

static const char* root;

static int last_error(void) {
  switch (semihost_call(SYS_ERRNO, NULL)) {
    case HOST_ENOENT:
    case HOST_ENOTDIR:
      return MS_E_NOT_FOUND;
    case HOST_EACCES:
    case HOST_EROFS:
      return MS_E_READ_ONLY;
    case HOST_ENOSPC:
      return MS_E_CARD_FULL;
    default:
      return MS_E_IO;
  }
}

static int path_of(const char* name, char* path) {
  static const char folder[] = "/bitmar_memory/";
  if (strlen(root) + sizeof folder + strlen(name) > PATH_BYTES) return MS_E_ARGUMENT;
  strcpy(path, root);
  strcat(path, folder);
  strcat(path, name);
  return MS_OK;
}

static int do_open(void* context, const char* name, int mode, int32_t* file) {
  (void)context;
  char path[PATH_BYTES];
  const int status = path_of(name, path);
  if (status != MS_OK) return status;
  *file = semihost_open(path, mode == MS_READ ? SEMIHOST_READ : SEMIHOST_READ_WRITE);
  if (*file >= 0) return MS_OK;
  const int error = last_error();
  if (mode != MS_CREATE || error != MS_E_NOT_FOUND) return error;
  *file = semihost_open(path, SEMIHOST_CREATE);
  if (*file >= 0) return MS_OK;
  const int created = last_error();
  return created == MS_E_NOT_FOUND ? MS_E_NO_CARD : created; /* the folder is missing */
}

static int do_close(void* context, int32_t file) {
  (void)context;
  return semihost_close(file) == 0 ? MS_OK : MS_E_IO;
}

static int do_size(void* context, int32_t file, uint64_t* bytes) {
  (void)context;
  const int32_t length = semihost_length(file);
  if (length < 0) return MS_E_IO;
  *bytes = (uint32_t)length;
  return MS_OK;
}

/* Sector by sector: a full card must be found out now, not when something is taught. */
static int do_preallocate(void* context, int32_t file, uint64_t bytes, int zeroed) {
  static const uint8_t zeros[MS_SECTOR];
  (void)context, (void)zeroed; /* always */
  const int32_t length = semihost_length(file);
  if (length < 0 || bytes > 0x7FFFFFFF) return MS_E_IO;
  for (uint32_t at = (uint32_t)length; at < bytes;) {
    const uint32_t rest = (uint32_t)bytes - at, piece = rest < MS_SECTOR ? rest : MS_SECTOR;
    if (semihost_write_at(file, at, zeros, piece) != 0) return MS_E_CARD_FULL; /* writes give no errno */
    at += piece;
  }
  return MS_OK;
}

static int32_t do_read(void* context, int32_t file, uint64_t offset, void* data, uint32_t bytes) {
  (void)context;
  return semihost_read_at(file, (uint32_t)offset, data, bytes) == 0 ? (int32_t)bytes : MS_E_IO;
}

static int32_t do_write(void* context, int32_t file, uint64_t offset, const void* data, uint32_t bytes) {
  (void)context;
  return semihost_write_at(file, (uint32_t)offset, data, bytes) == 0 ? (int32_t)bytes : MS_E_IO;
}

/* The emulator writes with write(2): what it has written survives its being killed. */
static int do_sync(void* context) { return (void)context, MS_OK; }

static int do_remove(void* context, const char* name) {
  (void)context;
  char path[PATH_BYTES];
  const int status = path_of(name, path);
  if (status != MS_OK) return status;
  return semihost_remove(path) == 0 ? MS_OK : last_error();
}

/* The emulated board has no source of randomness of its own. */
static uint32_t do_random(void* context) {
  (void)context;
  uint32_t number = 0;
  const int32_t file = semihost_open("/dev/urandom", SEMIHOST_READ);
  if (file < 0 || semihost_read_at(file, 0, &number, sizeof number) != 0) number = semihost_time();
  if (file >= 0) semihost_close(file);
  return number;
}

const ms_port* card_semihosting(const char* folder) {
  static const ms_port port = {
      .open = do_open,
      .close = do_close,
      .size = do_size,
      .preallocate = do_preallocate,
      .read = do_read,
      .write = do_write,
      .sync = do_sync,
      .remove = do_remove,
      .random = do_random,
  };
  root = folder;
  return &port;
}

static int32_t open_in(const char* folder, const char* name) {
  char path[PATH_BYTES];
  if (strlen(folder) + strlen(name) + 2 > PATH_BYTES) return -1;
  strcpy(path, folder);
  strcat(path, "/");
  strcat(path, name);
  return semihost_open(path, SEMIHOST_READ);
}

int32_t card_semihosting_load(const char* folder, const char* name, void* to, uint32_t capacity) {
  const int32_t file = open_in(folder, name);
  if (file < 0) return -1;
  int32_t bytes = semihost_length(file);
  if (bytes < 0 || (uint32_t)bytes > capacity || semihost_read_at(file, 0, to, (uint32_t)bytes) != 0)
    bytes = -1;
  semihost_close(file);
  return bytes;
}

static int32_t open_file = -1;

int32_t card_semihosting_file_open(const char* folder, const char* name) {
  card_semihosting_file_close();
  open_file = open_in(folder, name);
  return open_file < 0 ? -1 : 0;
}

int32_t card_semihosting_file_read(uint32_t offset, void* to, uint32_t bytes) {
  return open_file < 0 ? -1 : semihost_read_at(open_file, offset, to, bytes);
}

void card_semihosting_file_close(void) {
  if (open_file >= 0) semihost_close(open_file);
  open_file = -1;
}
