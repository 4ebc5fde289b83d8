/* What every word that writes begins and ends with. */
#include "memory.h"

int ms_complete(ms_memory* m) {
  if (m->read_only || m->header.version < 2) return MS_OK;
  int status = m->log.missing ? ms_commit_begin(m) : MS_OK, any = 0;
  for (uint32_t slot = 0; !status && slot < m->config.slots; slot++) {
    if (!(m->flags[slot] & MS_UNLOGGED)) continue;
    m->flags[slot] &= (uint8_t)~MS_UNLOGGED;
    ms_change* change = &m->change;
    memcpy(change->record, ms_record(m, slot), m->header.layout.record_bytes);
    *change = (ms_change){.slot = slot, .record = change->record, .content = change->content};
    change->deed = (ms_deed){.action = MS_WRITE_FOUND};
    status = ms_commit(m, change);
    any = 1;
  }
  return status || !any ? status : ms_commit_copies(m);
}

int ms_resolve(ms_memory* m) {
  ms_report report;
  memset(&report, 0, sizeof report);
  m->unresolved = 1;
  int status = m->read_only ? MS_OK : ms_log_settle(m);
  if (!status) status = ms_scan(m, &report);
  if (!status) status = ms_complete(m);
  m->unresolved = status != MS_OK;
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
  int status = ms_commit(m, change);
  if (status && m->unresolved) ms_resolve(m);
  return status;
}

int ms_flush(ms_memory* m) {
  if (!m) return MS_E_ARGUMENT;
  if (!m->port || m->read_only) return MS_OK;
  int status = ms_writable(m);
  if (!status) status = ms_commit_copies(m);
  if (status) {
    ms_resolve(m);
    return status;
  }
  return m->metadata_stale ? ms_metadata_write(m, NULL) : MS_OK;
}
