/* memory_spare.bin: a third copy, laid out like the mirror. Where each of the two copies has lost something,
 * rewriting either endangers what only it still holds (a card may garble the whole block around a sector that
 * it writes). So everything that can be believed goes here first; it is removed when both copies are whole.
 */
#include "memory.h"

static const char name[] = "memory_spare.bin";

void ms_spare_find(ms_memory* m) {
  uint64_t bytes = 0;
  int32_t* file = &m->file[MS_SPARE_FILE];
  int status = *file < 0 ? ms_open_file(m, name, m->read_only ? MS_READ : MS_WRITE, file) : MS_OK;
  if (!status) status = m->port->size(m->port->context, *file, &bytes);
  m->present[MS_SPARE_FILE] = !status && bytes >= ms_backup_bytes(&m->header.layout);
  m->spare_status = status == MS_E_NOT_FOUND ? MS_OK : status;
}

int ms_spare_make(ms_memory* m) {
  int32_t* file = &m->file[MS_SPARE_FILE];
  int status = *file < 0 ? ms_open_file(m, name, MS_CREATE, file) : MS_OK;
  if (!status) status = m->port->preallocate(m->port->context, *file, ms_backup_bytes(&m->header.layout), 1);
  return status;
}

int ms_spare_remove(ms_memory* m) {
  int32_t* file = &m->file[MS_SPARE_FILE];
  if (*file < 0) return MS_OK;
  m->present[MS_SPARE_FILE] = 0;
  int status = m->port->close(m->port->context, *file);
  *file = -1;
  if (!status && m->port->remove) status = m->port->remove(m->port->context, name);
  return status;
}
