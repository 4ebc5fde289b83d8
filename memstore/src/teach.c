/* What is written where: merge, replace, empty slot, or the lowest retention score. */
#include <math.h>

#include "memory.h"

typedef struct {
  const char* name;
  const float *episode, *key;
  float importance;
} lesson;

/* The slot of an episode and how it was found. */
typedef struct {
  uint32_t slot, action;
  float cosine;
  int saved; /* 0: it stays in RAM */
} choice;

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

static const int8_t* key_of(const ms_memory* m, uint32_t slot) {
  return (const int8_t*)ms_record(m, slot) + MS_KEY_AT;
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

/* A slot for something new. An unsaved episode never displaces a saved one. */
static uint32_t place_for_new(const ms_memory* m, int saved, uint32_t* action) {
  uint32_t slot = MS_NONE;
  *action = MS_ACTION_NEW;
  if (saved || count_unsaved(m) < m->config.hot) slot = first_in_state(m, MS_EMPTY);
  if (slot == MS_NONE && saved) slot = first_in_state(m, MS_LOST);
  if (slot != MS_NONE) return slot;
  *action = MS_ACTION_EVICTED;
  return least_retained(m, !saved);
}

/* By the most alike key, and the most alike of this name. */
static int choose(const ms_memory* m, const lesson* l, const int8_t* key, int replace, choice* c) {
  uint32_t nearest = MS_NONE, namesake = MS_NONE, dim = m->header.layout.dim;
  float nearest_cosine = -1.0f, namesake_cosine = -1.0f;
  for (uint32_t i = 0; i < m->config.slots; i++) {
    if (!ms_occupied(m, i)) continue;
    float alike = cosine(key, key_of(m, i), dim);
    if (nearest == MS_NONE || alike > nearest_cosine) nearest = i, nearest_cosine = alike;
    if (strcmp((const char*)ms_record(m, i) + MS_R_NAME, l->name)) continue;
    if (namesake == MS_NONE || alike > namesake_cosine) namesake = i, namesake_cosine = alike;
  }
  c->saved = m->port && l->importance >= m->config.min_importance;
  c->cosine = nearest_cosine;
  if (replace && nearest != MS_NONE && nearest_cosine >= m->config.merge_threshold) {
    c->slot = nearest, c->action = MS_ACTION_REPLACED;
  } else if (replace && namesake != MS_NONE) {
    c->slot = namesake, c->action = MS_ACTION_REPLACED, c->cosine = namesake_cosine;
  } else if (namesake != MS_NONE && namesake_cosine >= m->config.merge_threshold) {
    c->slot = namesake, c->action = MS_ACTION_MERGED, c->cosine = namesake_cosine;
  } else {
    c->slot = place_for_new(m, c->saved, &c->action);
    if (c->slot == MS_NONE) return MS_E_MEMORY_FULL;
  }
  if (m->port && c->action != MS_ACTION_NEW && !(m->flags[c->slot] & MS_UNSAVED))
    c->saved = 1; /* it is on the card already */
  return MS_OK;
}

static void blend(float alpha, const float* fresh, uint32_t n, float* kept) {
  float rest = 1.0f - alpha;
  for (uint32_t i = 0; i < n; i++) kept[i] = rest * kept[i] + alpha * fresh[i];
}

/* M <- (1 - alpha) M + alpha z: the key into the new record, the content into m->work. */
static int merge(ms_memory* m, const lesson* lesson, uint32_t slot, ms_change* change, float* key_scale) {
  const ms_layout* l = &m->header.layout;
  const uint8_t* before = ms_record(m, slot);
  const uint8_t* bytes = ms_hot_find(m, slot);
  if (!bytes || bm_crc32(0, bytes, l->slot_bytes) != ms_get32(before + MS_R_SLOT_CRC)) {
    int status = ms_load_slot(m, slot, change->content);
    if (status) return status;
    bytes = change->content;
  }
  float scale = ms_getf(before + MS_R_KEY_SCALE);
  for (uint32_t i = 0; i < l->dim; i++) m->work[i] = (float)key_of(m, slot)[i] * scale;
  blend(m->config.alpha, lesson->key, l->dim, m->work);
  bm_quantise(m->work, (int32_t)l->dim, (int8_t*)change->record + MS_KEY_AT, key_scale);
  ms_decode_slot(l, bytes, ms_getf(before + MS_R_SLOT_SCALE), m->work);
  blend(m->config.alpha, lesson->episode, l->dim, m->work);
  return MS_OK;
}

/* The chosen slot's next record, whose key is in it already, and its content. */
static int compose(ms_memory* m, const lesson* lesson, const choice* c, float key_scale, ms_change* change) {
  const ms_layout* l = &m->header.layout;
  uint8_t* record = change->record;
  const uint8_t* before = ms_record(m, c->slot);
  const float* content = lesson->episode;
  float importance = lesson->importance;
  uint32_t writes = 1, uses = 0;
  if (c->action == MS_ACTION_MERGED) {
    int status = merge(m, lesson, c->slot, change, &key_scale);
    if (status) return status;
    content = m->work;
    writes = ms_get32(before + MS_R_WRITES);
    writes += writes != 0xffffffffu;
    uses = m->access[c->slot].uses;
    if (ms_getf(before + MS_R_IMPORTANCE) > importance) importance = ms_getf(before + MS_R_IMPORTANCE);
  }
  change->slot = c->slot;
  change->with_content = 1;
  memset(change->content, 0, MS_SECTOR);
  float slot_scale = ms_encode_slot(l, content, change->content);
  record[MS_R_STATE] = MS_OCCUPIED;
  record[MS_R_NAME_BYTES] = (uint8_t)strlen(lesson->name);
  ms_put16(record + MS_R_SLOT, (uint16_t)c->slot);
  ms_put64(record + MS_R_TAUGHT, m->clock + 1);
  ms_put64(record + MS_R_LAST_ACCESS, m->clock + 1);
  ms_put32(record + MS_R_USES, uses);
  ms_putf(record + MS_R_IMPORTANCE, importance);
  ms_putf(record + MS_R_KEY_SCALE, key_scale);
  ms_putf(record + MS_R_SLOT_SCALE, slot_scale);
  ms_put32(record + MS_R_TIME, m->time);
  ms_put32(record + MS_R_WRITES, writes);
  memcpy(record + MS_R_NAME, lesson->name, strlen(lesson->name));
  return MS_OK;
}

static int keep_in_ram(ms_memory* m, ms_change* change) {
  const ms_layout* l = &m->header.layout;
  uint64_t card_sequence = ms_get64(ms_record(m, change->slot) + MS_R_SEQUENCE);
  uint8_t* bytes = ms_hot_take(m, change->slot);
  if (!bytes) return MS_E_MEMORY_FULL;
  memcpy(bytes, change->content, l->slot_bytes);
  ms_put32(change->record + MS_R_SLOT_CRC, bm_crc32(0, change->content, l->slot_bytes));
  ms_put64(change->record + MS_R_SEQUENCE, card_sequence);
  ms_record_seal(l, m->header.identity, change->record);
  ms_set_record(m, change->slot, change->record);
  m->flags[change->slot] = MS_UNSAVED;
  if (m->clock + 1 < MS_SEQUENCE_LIMIT) m->clock++;
  return MS_OK;
}

int ms_teach(ms_memory* m, const char* name, const float* episode, const float* key, float importance,
             uint32_t flags, ms_teach_result* result) {
  if (!m || !episode || !key || (flags & ~(uint32_t)MS_REPLACE)) return MS_E_ARGUMENT;
  ms_teach_result local;
  if (!result) result = &local;
  memset(result, 0, sizeof *result);
  uint32_t dim = m->header.layout.dim;
  int status = ms_check_name(name);
  if (status) return status;
  if (!all_finite(episode, dim) || !all_finite(key, dim) || !ms_finite(importance) || importance < 0.0f)
    return MS_E_VALUE;
  status = ms_writable(m);
  if (status) return status;

  lesson lesson = {name, episode, key, importance};
  choice c;
  float key_scale;
  ms_change* change = &m->change;
  memset(change->record, 0, MS_SECTOR);
  bm_quantise(key, (int32_t)dim, (int8_t*)change->record + MS_KEY_AT, &key_scale);
  do {
    status = choose(m, &lesson, (int8_t*)change->record + MS_KEY_AT, flags & MS_REPLACE, &c);
    if (!status) status = ms_mend(m, c.slot);
  } while (status > 0);
  if (!status) status = compose(m, &lesson, &c, key_scale, change);
  if (status) return status;
  if (c.action == MS_ACTION_REPLACED || c.action == MS_ACTION_EVICTED)
    memcpy(result->previous, ms_record(m, c.slot) + MS_R_NAME, MS_NAME_BYTES);
  status = c.saved ? ms_save(m, change) : keep_in_ram(m, change);
  if (status) return status;
  result->slot = c.slot;
  result->action = c.action;
  result->cosine = c.cosine;
  result->saved = (uint32_t)c.saved;
  return MS_OK;
}
