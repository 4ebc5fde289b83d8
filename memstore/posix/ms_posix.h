/* memstore's storage port for POSIX systems: files of one folder, flock on the folder, fdatasync as the
 * barrier. */
#ifndef BITMAR_MS_POSIX_H
#define BITMAR_MS_POSIX_H

#include "memstore.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MS_POSIX_FILES 8
#define MS_POSIX_PATH 1024 /* bytes of the folder's path with its NUL */
#define MS_POSIX_NAME 32   /* of a file's name in it */

typedef struct {
  int fd; /* -1: free */
  char name[MS_POSIX_NAME];
  uint8_t dirty;     /* written since the last sync */
  uint8_t is_new;    /* made, and without its length: it is called NAME.new */
  uint8_t read_only; /* opened so */
} ms_posix_file;

typedef struct {
  char folder[MS_POSIX_PATH];
  int lock_fd;
  ms_posix_file file[MS_POSIX_FILES];
  uint8_t names_changed; /* since the last sync: the folders need one too */
  uint8_t made_folder;   /* this process made the folder */
} ms_posix;

/* Fill `port` for the memory in folder/ (e.g. "/media/card/bitmar_memory"; the parent must exist, the folder
 * itself is made when a memory is). `state` and `port` must outlive the memory. MS_E_ARGUMENT: the path is
 * too long. */
int ms_posix_port(ms_port* port, ms_posix* state, const char* folder);

/* For bindings without a C compiler. */
size_t ms_posix_size(void);

#ifdef __cplusplus
}
#endif

#endif
