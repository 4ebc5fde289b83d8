/* What every word that writes begins and ends with. */
#include "memory.h"

int ms_resolve(ms_memory* m) {
  ms_report report;
  uint32_t state_gone;
  memset(&report, 0, sizeof report);
  m->unresolved = 1;
  int status = ms_scan(m, &report);
  if (!status && m->header.pending && !m->read_only) status = ms_finish_restore(m, &state_gone);
  if (!status) m->unresolved = 0;
  return status;
}

int ms_writable(ms_memory* m) {
  if (!m->port) return MS_OK;
  if (m->read_only) return MS_E_READ_ONLY;
  return m->unresolved ? ms_resolve(m) : MS_OK;
}

int ms_mend(ms_memory* m, uint32_t slot) {
  const ms_layout* l = &m->header.layout;
  uint32_t first = slot / l->records_per_sector * l->records_per_sector;
  int intact = 1;
  for (uint32_t i = first; i < first + l->records_per_sector && i < l->slots; i++)
    intact &= ms_record_intact(m, i);
  if (intact) return 0;
  if (!m->port) return MS_E_DAMAGED;
  int status = ms_resolve(m);
  return status ? status : 1;
}

int ms_save(ms_memory* m, ms_change* change) {
  uint64_t sequence = m->clock + 1;
  int status = ms_commit(m, change);
  if (!status || !m->unresolved) return status;
  /* old or new? the card knows: read it all again, repair what the failed write left */
  if (ms_resolve(m) || ms_get64(ms_record(m, change->slot) + MS_R_SEQUENCE) != sequence) return status;
  ms_hot_drop(m, change->slot);
  if (sequence > m->clock) m->clock = sequence;
  m->metadata_stale = 1;
  return MS_OK;
}

int ms_flush(ms_memory* m) {
  if (!m) return MS_E_ARGUMENT;
  if (!m->port || m->read_only) return MS_OK;
  int status = ms_writable(m);
  if (!status) status = ms_commit_counters(m);
  if (status) {
    ms_resolve(m);
    return status;
  }
  return m->metadata_stale ? ms_metadata_write(m, NULL) : MS_OK;
}
