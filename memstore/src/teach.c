/* What is written where: merge, replace, empty slot, or the lowest retention score. */
#include <math.h>

#include "memory.h"

/* Cosine of two int8 keys: exact integer dots, so that the decision to merge is the same on every machine. */
static float cosine(const int8_t* a, const int8_t* b, uint32_t n) {
  int32_t dot = 0, aa = 0, bb = 0;
  for (uint32_t i = 0; i < n; i++) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  float norm = (float)aa * (float)bb;
  return norm > 0.0f ? (float)dot / sqrtf(norm) : 0.0f;
}

static int all_finite(const float* x, uint32_t n) {
  for (uint32_t i = 0; i < n; i++)
    if (!ms_finite(x[i])) return 0;
  return 1;
}

static int same_name(const ms_memory* m, uint32_t slot, const char* name) {
  return !strcmp((const char*)ms_record(m, slot) + MS_R_NAME, name);
}

/* without a card there are only the hot slots */
static uint32_t usable_slots(const ms_memory* m) { return m->port ? m->config.slots : m->config.hot; }

static uint32_t first_in_state(const ms_memory* m, uint8_t state) {
  for (uint32_t i = 0; i < usable_slots(m); i++)
    if (ms_record(m, i)[MS_R_STATE] == state) return i;
  return MS_NONE;
}

static uint32_t least_retained(const ms_memory* m, int unsaved_only) {
  uint32_t victim = MS_NONE;
  float lowest = 0.0f;
  for (uint32_t i = 0; i < usable_slots(m); i++) {
    if (!ms_occupied(m, i) || (unsaved_only && !(m->flags[i] & MS_UNSAVED))) continue;
    float score = ms_retention(m, i, m->clock);
    if (victim == MS_NONE || score < lowest) victim = i, lowest = score;
  }
  return victim;
}

static uint32_t count_unsaved(const ms_memory* m) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < m->config.slots; i++) n += (m->flags[i] & MS_UNSAVED) != 0;
  return n;
}

/* A slot for something new; *action tells how it was found. An unsaved episode never displaces a saved one.
 */
static uint32_t choose(const ms_memory* m, int saved, uint32_t* action) {
  uint32_t slot = MS_NONE;
  *action = MS_ACTION_NEW;
  if (saved || count_unsaved(m) < m->config.hot) slot = first_in_state(m, MS_EMPTY);
  if (slot == MS_NONE && saved) slot = first_in_state(m, MS_LOST);
  if (slot != MS_NONE) return slot;
  *action = MS_ACTION_EVICTED;
  return least_retained(m, !saved);
}

/* new_record and new_slot into RAM alone. */
static int keep_in_ram(ms_memory* m, uint32_t slot) {
  const ms_layout* l = &m->header.layout;
  uint64_t card_sequence = ms_get64(ms_record(m, slot) + MS_R_SEQUENCE);
  uint8_t* bytes = ms_hot_take(m, slot);
  if (!bytes) return MS_E_MEMORY_FULL;
  memcpy(bytes, m->new_slot, l->slot_bytes);
  ms_put32(m->new_record + MS_R_SLOT_CRC, bm_crc32(0, m->new_slot, l->slot_bytes));
  ms_put64(m->new_record + MS_R_SEQUENCE, card_sequence);
  memcpy(ms_record(m, slot), m->new_record, l->record_bytes);
  m->flags[slot] = MS_UNSAVED;
  m->clock++;
  return MS_OK;
}

static void blend(float alpha, const float* fresh, uint32_t n, float* kept) {
  float rest = 1.0f - alpha;
  for (uint32_t i = 0; i < n; i++) kept[i] = rest * kept[i] + alpha * fresh[i];
}

int ms_teach(ms_memory* m, const char* name, const float* episode, const float* key, float importance,
             uint32_t flags, ms_teach_result* result) {
  if (!m || !episode || !key || (flags & ~(uint32_t)MS_REPLACE)) return MS_E_ARGUMENT;
  const ms_layout* l = &m->header.layout;
  ms_teach_result local;
  if (!result) result = &local;
  memset(result, 0, sizeof *result);
  int status = ms_check_name(name);
  if (status) return status;
  if (!all_finite(episode, l->dim) || !all_finite(key, l->dim) || !ms_finite(importance) || importance < 0.0f)
    return MS_E_VALUE;
  status = ms_writable(m);
  if (status) return status;

  /* the most alike key, and the most alike of this name */
  int8_t* quantized = (int8_t*)m->new_record + MS_KEY_AT;
  float key_scale;
  memset(m->new_record, 0, MS_SECTOR);
  bm_quantise(key, (int32_t)l->dim, quantized, &key_scale);
  uint32_t nearest = MS_NONE, namesake = MS_NONE;
  float nearest_cosine = -1.0f, namesake_cosine = -1.0f;
  for (uint32_t i = 0; i < l->slots; i++) {
    if (!ms_occupied(m, i)) continue;
    float c = cosine(quantized, (const int8_t*)ms_record(m, i) + MS_KEY_AT, l->dim);
    if (nearest == MS_NONE || c > nearest_cosine) nearest = i, nearest_cosine = c;
    if (same_name(m, i, name) && (namesake == MS_NONE || c > namesake_cosine))
      namesake = i, namesake_cosine = c;
  }

  uint32_t slot, action;
  int saved = m->port && importance >= m->config.min_importance;
  result->cosine = nearest_cosine;
  if ((flags & MS_REPLACE) && nearest != MS_NONE && nearest_cosine >= m->config.merge_threshold) {
    slot = nearest, action = MS_ACTION_REPLACED;
  } else if ((flags & MS_REPLACE) && namesake != MS_NONE) {
    slot = namesake, action = MS_ACTION_REPLACED, result->cosine = namesake_cosine;
  } else if (namesake != MS_NONE && namesake_cosine >= m->config.merge_threshold) {
    slot = namesake, action = MS_ACTION_MERGED, result->cosine = namesake_cosine;
  } else {
    slot = choose(m, saved, &action);
    if (slot == MS_NONE) return MS_E_MEMORY_FULL;
  }
  if (m->port && action != MS_ACTION_NEW && !(m->flags[slot] & MS_UNSAVED))
    saved = 1; /* it is on the card already */

  uint8_t* record = m->new_record;
  const uint8_t* before = ms_record(m, slot);
  uint32_t writes = 1, uses = 0;
  const float* content = episode;
  if (action == MS_ACTION_MERGED) {
    uint8_t* bytes = ms_hot_find(m, slot);
    if (!bytes) {
      status = ms_load_slot(m, slot, m->new_slot);
      if (status) return status;
      bytes = m->new_slot;
    }
    for (uint32_t i = 0; i < l->dim; i++)
      m->work[i] = (float)((const int8_t*)before + MS_KEY_AT)[i] * ms_getf(before + MS_R_KEY_SCALE);
    blend(m->config.alpha, key, l->dim, m->work);
    bm_quantise(m->work, (int32_t)l->dim, quantized, &key_scale);
    ms_decode_slot(l, bytes, ms_getf(before + MS_R_SLOT_SCALE), m->work);
    blend(m->config.alpha, episode, l->dim, m->work);
    content = m->work;
    writes = ms_get32(before + MS_R_WRITES) + 1;
    uses = ms_get32(before + MS_R_USES);
    if (ms_getf(before + MS_R_IMPORTANCE) > importance) importance = ms_getf(before + MS_R_IMPORTANCE);
  }
  if (action == MS_ACTION_REPLACED || action == MS_ACTION_EVICTED)
    memcpy(result->previous, before + MS_R_NAME, MS_NAME_BYTES);
  memset(m->new_slot, 0, MS_SECTOR);
  float slot_scale = ms_encode_slot(l, content, m->new_slot);

  record[MS_R_STATE] = MS_OCCUPIED;
  record[MS_R_NAME_BYTES] = (uint8_t)strlen(name);
  ms_put16(record + MS_R_SLOT, (uint16_t)slot);
  ms_put64(record + MS_R_TAUGHT, m->clock + 1);
  ms_put64(record + MS_R_LAST_ACCESS, m->clock + 1);
  ms_put32(record + MS_R_USES, uses);
  ms_putf(record + MS_R_IMPORTANCE, importance);
  ms_putf(record + MS_R_KEY_SCALE, key_scale);
  ms_putf(record + MS_R_SLOT_SCALE, slot_scale);
  ms_put32(record + MS_R_TIME, m->time);
  ms_put32(record + MS_R_WRITES, writes);
  memcpy(record + MS_R_NAME, name, strlen(name));

  status = saved ? ms_commit(m, slot, 1) : keep_in_ram(m, slot);
  if (status) return status;
  result->slot = slot;
  result->action = action;
  result->saved = (uint32_t)saved;
  return MS_OK;
}

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
  memset(m->new_record, 0, MS_SECTOR);
  memset(m->new_slot, 0, MS_SECTOR); /* what is forgotten is not left on the card */
  ms_record_empty(l, m->header.identity, m->new_record, slot, m->clock + 1);
  return ms_commit(m, slot, 1);
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
  uint8_t* record = m->new_record;
  memcpy(record, ms_record(m, (uint32_t)slot), m->header.layout.record_bytes);
  memset(record + MS_R_NAME, 0, MS_NAME_BYTES);
  memcpy(record + MS_R_NAME, new_name, strlen(new_name));
  record[MS_R_NAME_BYTES] = (uint8_t)strlen(new_name);
  if (m->flags[slot] & MS_UNSAVED) {
    memcpy(ms_record(m, (uint32_t)slot), record, m->header.layout.record_bytes);
    return MS_OK;
  }
  return ms_commit(m, (uint32_t)slot, 0);
}
