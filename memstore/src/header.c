/* The memory's header: a write of its own, the mirror first; then the primary and the third copy, which must
 * not stay of an older version: no program of that one may believe that it knows this card. */
#include "memory.h"

int ms_commit_header(ms_memory* m, const ms_header* wanted) {
  ms_header next = *wanted;
  uint8_t* sector = m->slots_built;
  next.sequence = m->header.sequence + 1;
  if (next.sequence >= MS_SEQUENCE_LIMIT) return MS_E_CLOCK;
  ms_header_pack(&next, sector);
  for (int copy = MS_MIRROR; copy >= MS_PRIMARY; copy--) {
    int status = ms_write_index_sector(m, copy, 0, sector);
    if (!status && copy == MS_PRIMARY) {
      ms_header third = next;
      third.sequence = 0;
      third.pending = 0;
      ms_header_pack(&third, sector);
      status = ms_card_write(m, m->file[MS_BACKUP_FILE], 0, sector, MS_SECTOR);
    }
    if (!status) status = ms_card_sync(m);
    if (status) {
      m->unresolved = 1;
      return status;
    }
  }
  m->header = next;
  return MS_OK;
}
