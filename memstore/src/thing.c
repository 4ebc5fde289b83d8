/* A thing is one name: its slots, what they share, and how alike two things are. */
#include <math.h>

#include "memory.h"

float ms_cosine_of_sums(int32_t dot, int32_t aa, int32_t bb) {
  float norm = (float)aa * (float)bb;
  return norm > 0.0f ? (float)dot / sqrtf(norm) : 0.0f;
}

float ms_cosine(const int8_t* a, const int8_t* b, uint32_t n) {
  int32_t dot = 0, aa = 0, bb = 0; /* exact: at most 256 * 128 * 128 */
  for (uint32_t i = 0; i < n; i++) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return ms_cosine_of_sums(dot, aa, bb);
}

int ms_kept(const ms_memory* m, uint32_t slot) {
  for (uint32_t i = 0; i < m->config.slots; i++)
    if (ms_occupied(m, i) && ms_record(m, i)[MS_R_FLAGS] & MS_RECORD_KEPT && ms_same_thing(m, i, slot))
      return 1;
  return 0;
}

void ms_touch(ms_memory* m, uint32_t slot, uint32_t uses) {
  if (uses && m->clock + 1 < MS_SEQUENCE_LIMIT) m->clock++;
  for (uint32_t i = 0; i < m->config.slots; i++) {
    if (!ms_occupied(m, i) || !ms_same_thing(m, i, slot)) continue;
    ms_access* access = &m->access[i];
    if (access->last == m->clock && !uses) continue; /* it has just been written */
    access->last = m->clock;
    access->uses = access->uses > 0xffffffffu - uses ? 0xffffffffu : access->uses + uses;
    /* goes to the card with the next write of its sector, or on close */
    if (!(m->flags[i] & MS_UNSAVED)) m->flags[i] |= MS_DIRTY;
  }
}

float ms_most_alike(const ms_memory* m, uint32_t slot, uint32_t* other) {
  float most = -1.0f;
  *other = MS_NONE;
  for (uint32_t i = 0; i < m->config.slots; i++) {
    if (!ms_occupied(m, i) || ms_same_thing(m, i, slot)) continue;
    float cosine = ms_cosine(ms_key(m, slot), ms_key(m, i), m->header.layout.dim);
    if (*other == MS_NONE || cosine > most) *other = i, most = cosine;
  }
  return most;
}

int ms_set_importance(ms_memory* m, const char* name, float value) {
  for (uint32_t slot = 0; slot < m->config.slots; slot++) {
    int status = ms_occupied(m, slot) ? ms_mend(m, slot) : MS_OK;
    if (status < 0) return status;
    if (!ms_occupied(m, slot) || strcmp(ms_name(m, slot), name)) continue;
    ms_change* change = ms_revise(m, slot);
    if (ms_getf(change->record + MS_R_IMPORTANCE) == value) continue;
    ms_putf(change->record + MS_R_IMPORTANCE, value);
    if ((status = ms_save_record(m, change))) return status;
  }
  return MS_OK;
}

ms_change* ms_revise(ms_memory* m, uint32_t slot) {
  ms_change* change = &m->change;
  memcpy(change->record, ms_record(m, slot), m->header.layout.record_bytes);
  ms_put_access(m, slot, change->record);
  change->slot = slot;
  change->with_content = 0;
  change->deed = (ms_deed){.action = MS_WRITE_REVISED, .time = m->time};
  return change;
}

int ms_keep_in_ram(ms_memory* m, ms_change* change) {
  const ms_layout* l = &m->header.layout;
  if (change->with_content) {
    uint8_t* bytes = ms_hot_take(m, change->slot);
    if (!bytes) return MS_E_MEMORY_FULL;
    memcpy(bytes, change->content, l->slot_bytes);
    ms_put32(change->record + MS_R_SLOT_CRC, bm_crc32(0, change->content, l->slot_bytes));
  }
  ms_put64(change->record + MS_R_SEQUENCE, ms_get64(ms_record(m, change->slot) + MS_R_SEQUENCE));
  ms_record_seal(l, m->header.identity, change->record);
  ms_set_record(m, change->slot, change->record);
  return MS_OK;
}

int ms_save_record(ms_memory* m, ms_change* change) {
  return m->flags[change->slot] & MS_UNSAVED ? ms_keep_in_ram(m, change) : ms_save(m, change);
}

void ms_put_name(uint8_t* record, const char* name) {
  memset(record + MS_R_NAME, 0, MS_NAME_BYTES);
  memcpy(record + MS_R_NAME, name, strlen(name));
  record[MS_R_NAME_BYTES] = (uint8_t)strlen(name);
}

void ms_put_episode(ms_memory* m, const float* episode, uint32_t flags) {
  ms_change* change = &m->change;
  change->with_content = 1;
  memset(change->content, 0, MS_SECTOR);
  ms_putf(change->record + MS_R_SLOT_SCALE, ms_encode_slot(&m->header.layout, episode, change->content));
  change->record[MS_R_FLAGS] &= (uint8_t)~MS_RECORD_DECODES;
  if (flags & MS_DECODES) change->record[MS_R_FLAGS] |= MS_RECORD_DECODES;
}

int ms_all_finite(const float* x, uint32_t n) {
  for (uint32_t i = 0; i < n; i++)
    if (!ms_finite(x[i])) return 0;
  return 1;
}
