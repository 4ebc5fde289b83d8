/* Forgetting and renaming. */
#include "memory.h"

int ms_forget_slot(ms_memory* m, uint32_t slot) {
  if (!m || slot >= m->config.slots) return MS_E_ARGUMENT;
  int status = ms_writable(m);
  if (status) return status;
  const ms_layout* l = &m->header.layout;
  if (ms_record(m, slot)[MS_R_STATE] == MS_EMPTY) return MS_E_NOT_FOUND;
  if (m->flags[slot] & MS_UNSAVED) {
    uint64_t card_sequence = ms_get64(ms_record(m, slot) + MS_R_SEQUENCE);
    ms_record_empty(l, m->header.identity, ms_record(m, slot), slot, card_sequence);
    m->flags[slot] = 0;
    ms_hot_drop(m, slot);
    return MS_OK;
  }
  ms_change* change = &m->change;
  change->slot = slot;
  change->with_content = 1;
  memset(change->record, 0, MS_SECTOR);
  memset(change->content, 0, MS_SECTOR); /* what is forgotten is not left on the card */
  ms_record_empty(l, m->header.identity, change->record, slot, m->clock + 1);
  return ms_save(m, change);
}

int ms_forget(ms_memory* m, const char* name, uint32_t* forgotten) {
  uint32_t count = 0;
  int32_t slot = ms_find(m, name, 0);
  int status = slot < 0 ? slot : MS_OK;
  for (; slot >= 0 && !status; slot = ms_find(m, name, (uint32_t)slot + 1)) {
    status = ms_forget_slot(m, (uint32_t)slot);
    count += status == MS_OK;
  }
  if (forgotten) *forgotten = count;
  return status;
}

int ms_prune(ms_memory* m, float below, uint32_t* pruned) {
  uint32_t count = 0;
  int status = m ? MS_OK : MS_E_ARGUMENT;
  for (uint32_t slot = 0; !status && slot < m->config.slots; slot++) {
    if (!ms_occupied(m, slot) || !(ms_getf(ms_record(m, slot) + MS_R_IMPORTANCE) < below)) continue;
    status = ms_forget_slot(m, slot);
    count += status == MS_OK;
  }
  if (pruned) *pruned = count;
  return status;
}

int ms_rename(ms_memory* m, const char* name, const char* new_name) {
  int32_t slot = ms_find(m, name, 0);
  if (slot < 0) return slot;
  int status = ms_check_name(new_name);
  if (!status) status = ms_writable(m);
  if (status) return status;
  const ms_layout* l = &m->header.layout;
  uint8_t* ours = ms_record(m, (uint32_t)slot);
  uint8_t* record = m->change.record;
  memcpy(record, ours, l->record_bytes);
  memset(record + MS_R_NAME, 0, MS_NAME_BYTES);
  memcpy(record + MS_R_NAME, new_name, strlen(new_name));
  record[MS_R_NAME_BYTES] = (uint8_t)strlen(new_name);
  if (m->flags[slot] & MS_UNSAVED) {
    memcpy(ours, record, l->record_bytes);
    return MS_OK;
  }
  m->change.slot = (uint32_t)slot;
  m->change.with_content = 0;
  return ms_save(m, &m->change);
}
