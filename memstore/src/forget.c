/* Forgetting, renaming, confirming. */
#include "memory.h"

static int forget_unsaved(ms_memory* m, uint32_t slot) {
  uint64_t card_sequence = ms_get64(ms_record(m, slot) + MS_R_SEQUENCE);
  ms_record_empty(&m->header.layout, m->header.identity, m->change.record, slot, card_sequence);
  ms_set_record(m, slot, m->change.record);
  m->flags[slot] &= MS_BEHIND;
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
  memset(change->content, 0, MS_SECTOR); /* what is forgotten stays in the history alone */
  change->deed = (ms_deed){.action = MS_WRITE_FORGOTTEN, .time = m->time};
  memcpy(change->deed.name, ms_record(m, slot) + MS_R_NAME, MS_NAME_BYTES);
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

/* Is this the lowest slot of its thing? */
static int first_of_thing(const ms_memory* m, uint32_t slot) {
  return ms_occupied(m, slot) && ms_find(m, ms_name(m, slot), 0) == (int32_t)slot;
}

/* importance * unlikeness of a thing, by its lowest slot */
static float worth(const ms_memory* m, uint32_t first) {
  float most = 0.0f;
  for (uint32_t i = first; i < m->config.slots; i++) {
    if (!ms_occupied(m, i) || !ms_same_thing(m, i, first)) continue;
    uint32_t other;
    float alike = ms_most_alike(m, i, &other);
    if (alike > most) most = alike;
  }
  return ms_getf(ms_record(m, first) + MS_R_IMPORTANCE) * (1.0f - most);
}

int ms_prune(ms_memory* m, float below, uint32_t* pruned) {
  uint32_t count = 0;
  int status = m ? ms_writable(m) : MS_E_ARGUMENT;
  for (uint32_t slot = 0; !status && slot < m->config.slots; slot++) {
    if (!first_of_thing(m, slot) || ms_kept(m, slot) || !(worth(m, slot) < below)) continue;
    char name[MS_NAME_BYTES];
    uint32_t forgotten;
    memcpy(name, ms_name(m, slot), sizeof name);
    status = ms_forget(m, name, &forgotten);
    count += forgotten;
  }
  if (pruned) *pruned = count;
  return status;
}

int ms_confirm(ms_memory* m, uint32_t slot, float step) {
  const float least = 0.05f, most = 1.0f;
  if (!m || slot >= m->config.slots) return MS_E_ARGUMENT;
  if (!ms_finite(step)) return MS_E_VALUE;
  int status = ms_writable(m);
  if (status) return status;
  if (!ms_occupied(m, slot)) return MS_E_NOT_FOUND;
  float had = ms_getf(ms_record(m, slot) + MS_R_IMPORTANCE), value = had + step;
  if (step > 0.0f && value > most) value = had > most ? had : most;
  if (step < 0.0f && value < least) value = had < least ? had : least;
  char name[MS_NAME_BYTES];
  memcpy(name, ms_name(m, slot), sizeof name);
  return ms_set_importance(m, name, value);
}

int ms_rename_thing(ms_memory* m, const char* name, const char* new_name, const float* episode,
                    uint32_t flags) {
  if (!m || !name || !episode || flags & ~(uint32_t)MS_DECODES) return MS_E_ARGUMENT;
  int status = ms_check_name(new_name);
  if (status) return status;
  if (!ms_all_finite(episode, m->header.layout.dim)) return MS_E_VALUE;
  uint32_t renamed = 0;
  for (uint32_t slot = 0; !status && slot < m->config.slots; slot++) {
    status = ms_writable(m); /* it may change what bears this name */
    if (!status && ms_occupied(m, slot)) status = ms_mend(m, slot);
    if (status < 0) return status;
    status = 0;
    if (!ms_occupied(m, slot) || strcmp(ms_name(m, slot), name)) continue;
    ms_change* change = ms_revise(m, slot);
    ms_put_name(change->record, new_name);
    change->deed.action = MS_WRITE_RENAMED;
    ms_put_episode(m, episode, flags);
    status = ms_save_record(m, change);
    renamed++;
  }
  return status ? status : renamed ? MS_OK : MS_E_NOT_FOUND;
}
