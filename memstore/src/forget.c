/* Forgetting and renaming. */
#include "memory.h"

static int forget_unsaved(ms_memory* m, uint32_t slot) {
  uint64_t card_sequence = ms_get64(ms_record(m, slot) + MS_R_SEQUENCE);
  ms_record_empty(&m->header.layout, m->header.identity, m->change.record, slot, card_sequence);
  ms_set_record(m, slot, m->change.record);
  m->flags[slot] = 0;
  ms_hot_drop(m, slot);
  return MS_OK;
}

int ms_forget_slot(ms_memory* m, uint32_t slot) {
  if (!m || slot >= m->config.slots) return MS_E_ARGUMENT;
  int status = ms_writable(m);
  if (!status) status = ms_mend(m, slot);
  if (status < 0) return status;
  if (ms_record(m, slot)[MS_R_STATE] == MS_EMPTY) return MS_E_NOT_FOUND;
  if (m->flags[slot] & MS_UNSAVED) return forget_unsaved(m, slot);
  ms_change* change = &m->change;
  change->slot = slot;
  change->with_content = 1;
  memset(change->content, 0, MS_SECTOR); /* what is forgotten is not left on the card */
  ms_record_empty(&m->header.layout, m->header.identity, change->record, slot, m->clock + 1);
  return ms_save(m, change);
}

int ms_forget(ms_memory* m, const char* name, uint32_t* forgotten) {
  uint32_t count = 0;
  int status = m && name ? ms_writable(m) : MS_E_ARGUMENT; /* first: it may change what bears this name */
  int32_t slot = status ? status : ms_find(m, name, 0);
  if (slot < 0) status = slot;
  for (; slot >= 0 && !status; slot = ms_find(m, name, (uint32_t)slot + 1)) {
    status = ms_forget_slot(m, (uint32_t)slot);
    count += status == MS_OK;
  }
  if (forgotten) *forgotten = count;
  return status;
}

int ms_prune(ms_memory* m, float below, uint32_t* pruned) {
  uint32_t count = 0;
  int status = m ? ms_writable(m) : MS_E_ARGUMENT;
  for (uint32_t slot = 0; !status && slot < m->config.slots; slot++) {
    if (!ms_occupied(m, slot) || !(ms_getf(ms_record(m, slot) + MS_R_IMPORTANCE) < below)) continue;
    status = ms_forget_slot(m, slot);
    count += status == MS_OK;
  }
  if (pruned) *pruned = count;
  return status;
}

/* The slot that is renamed: found after what a failed write left open is known. */
static int32_t find_settled(ms_memory* m, const char* name) {
  int status = ms_writable(m);
  if (status) return status;
  int32_t slot = ms_find(m, name, 0);
  if (slot < 0) return slot;
  status = ms_mend(m, (uint32_t)slot);
  return status < 0 ? status : status ? ms_find(m, name, 0) : slot;
}

int ms_rename(ms_memory* m, const char* name, const char* new_name) {
  if (!m || !name) return MS_E_ARGUMENT;
  int status = ms_check_name(new_name);
  int32_t slot = status ? status : find_settled(m, name);
  if (slot < 0) return slot;
  const ms_layout* l = &m->header.layout;
  ms_change* change = &m->change;
  memcpy(change->record, ms_record(m, (uint32_t)slot), l->record_bytes);
  ms_put_access(m, (uint32_t)slot, change->record);
  memset(change->record + MS_R_NAME, 0, MS_NAME_BYTES);
  memcpy(change->record + MS_R_NAME, new_name, strlen(new_name));
  change->record[MS_R_NAME_BYTES] = (uint8_t)strlen(new_name);
  if (m->flags[slot] & MS_UNSAVED) {
    ms_record_seal(l, m->header.identity, change->record);
    ms_set_record(m, (uint32_t)slot, change->record);
    return MS_OK;
  }
  change->slot = (uint32_t)slot;
  change->with_content = 0;
  return ms_save(m, change);
}
