/* What is written where: merge, replace, empty slot, or the lowest retention score. */
#include <math.h>

#include "memory.h"

typedef struct {
  const char* name;
  const float *episode, *key;
  float importance;
  uint32_t flags; /* MS_REPLACE ... */
} lesson;

/* The slot of an episode and how it was found. */
typedef struct {
  uint32_t slot, action;
  float cosine;
  int saved; /* 0: it stays in RAM */
} choice;

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
    if ((victim == MS_NONE || score < lowest) && !ms_kept(m, i)) victim = i, lowest = score;
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

/* What the new key is alike: the nearest slot of all, the nearest of this name, and how many have this name.
 */
typedef struct {
  uint32_t nearest, namesake, namesakes;
  float nearest_cosine, namesake_cosine;
} likeness;

static likeness look(const ms_memory* m, const char* name, const int8_t* key) {
  likeness a = {MS_NONE, MS_NONE, 0, -1.0f, -1.0f};
  for (uint32_t i = 0; i < m->config.slots; i++) {
    if (!ms_occupied(m, i)) continue;
    float cosine = ms_cosine(key, ms_key(m, i), m->header.layout.dim);
    if (a.nearest == MS_NONE || cosine > a.nearest_cosine) a.nearest = i, a.nearest_cosine = cosine;
    if (strcmp(ms_name(m, i), name)) continue;
    if (!a.namesakes++ || cosine > a.namesake_cosine) a.namesake = i, a.namesake_cosine = cosine;
  }
  return a;
}

static int choose(const ms_memory* m, const lesson* lesson, const int8_t* key, choice* c) {
  const ms_config* config = &m->config;
  likeness a = look(m, lesson->name, key);
  int replace = (lesson->flags & MS_REPLACE) != 0;
  int asked = config->same_picture > 0.0f;
  int same =
      a.nearest != MS_NONE && a.nearest_cosine >= (asked ? config->same_picture : config->merge_threshold);
  c->saved = m->port && lesson->importance >= config->min_importance;
  c->cosine = a.nearest_cosine;
  if (same && replace) {
    c->slot = a.nearest, c->action = MS_ACTION_REPLACED;
  } else if (same && asked && !(lesson->flags & MS_BOTH) && strcmp(ms_name(m, a.nearest), lesson->name)) {
    c->slot = a.nearest;
    return MS_E_OTHER_NAME;
  } else if (replace && a.namesakes) {
    c->slot = a.namesake, c->action = MS_ACTION_REPLACED, c->cosine = a.namesake_cosine;
  } else if (a.namesakes && (a.namesake_cosine >= config->merge_threshold ||
                             (config->prototypes && a.namesakes >= config->prototypes))) {
    c->slot = a.namesake, c->action = MS_ACTION_MERGED, c->cosine = a.namesake_cosine;
  } else {
    c->slot = place_for_new(m, c->saved, &c->action);
    if (c->slot == MS_NONE) return MS_E_MEMORY_FULL;
    if (c->action == MS_ACTION_EVICTED &&
        !strcmp(ms_name(m, c->slot), lesson->name)) /* no room beside itself */
      c->slot = a.namesake, c->action = MS_ACTION_MERGED, c->cosine = a.namesake_cosine;
  }
  if (m->port && c->action != MS_ACTION_NEW && !(m->flags[c->slot] & MS_UNSAVED))
    c->saved = 1; /* it is on the card already */
  return MS_OK;
}

/* The n-th view into the running mean of the key; of unit length again, so that every view weighs the same.
 */
static void blend_key(ms_memory* m, const uint8_t* before, const float* fresh, uint32_t n, int8_t* key,
                      float* scale) {
  uint32_t dim = m->header.layout.dim;
  float rate = 1.0f / (float)n, squares = 0.0f, old_scale = ms_getf(before + MS_R_KEY_SCALE);
  if (rate < m->config.alpha) rate = m->config.alpha;
  float rest = 1.0f - rate;
  for (uint32_t i = 0; i < dim; i++) {
    float old = (float)((const int8_t*)before + MS_KEY_AT)[i] * old_scale;
    m->work[i] = rest * old + rate * fresh[i];
    squares += m->work[i] * m->work[i];
  }
  if (squares > 0.0f && ms_finite(squares)) {
    float norm = sqrtf(squares);
    for (uint32_t i = 0; i < dim; i++) m->work[i] /= norm;
  }
  bm_quantise(m->work, (int32_t)dim, key, scale);
}

/* What a thing has already, for a slot of it that is new or written again. */
static void share(const ms_memory* m, const lesson* lesson, uint8_t* record) {
  int32_t other = ms_find(m, lesson->name, 0); /* replaced by itself: its importance and uses stay */
  float importance = lesson->importance;
  uint32_t uses = 0;
  if (other >= 0) {
    uses = m->access[other].uses;
    float had = ms_getf(ms_record(m, (uint32_t)other) + MS_R_IMPORTANCE);
    if (had > importance) importance = had;
  }
  ms_put32(record + MS_R_USES, uses);
  ms_putf(record + MS_R_IMPORTANCE, importance);
}

/* The chosen slot's next record and content; the lesson's key is in the record already. */
static void compose(ms_memory* m, const lesson* lesson, const choice* c, float key_scale, ms_change* change) {
  const uint8_t* before = ms_record(m, c->slot);
  uint8_t* record = change->record;
  int merged = c->action == MS_ACTION_MERGED;
  uint32_t n = 1, writes = 1;
  change->slot = c->slot;
  change->with_content = 0;
  change->deed = (ms_deed){.action = (uint8_t)(MS_WRITE_NEW + c->action), .time = m->time};
  record[MS_R_STATE] = MS_OCCUPIED;
  ms_put16(record + MS_R_SLOT, (uint16_t)c->slot);
  if (merged) {
    n = ms_get16(before + MS_R_VIEWS);
    n = n ? n + (n != 0xffffu) : 2; /* a card of version 0.1 counts as one view */
    writes = ms_get32(before + MS_R_WRITES);
    writes += writes != 0xffffffffu;
    record[MS_R_FLAGS] = before[MS_R_FLAGS];
    ms_put32(record + MS_R_SLOT_CRC, ms_get32(before + MS_R_SLOT_CRC));
    ms_putf(record + MS_R_SLOT_SCALE, ms_getf(before + MS_R_SLOT_SCALE));
    blend_key(m, before, lesson->key, n, (int8_t*)record + MS_KEY_AT, &key_scale);
  }
  share(m, lesson, record);
  if (!merged || !(record[MS_R_FLAGS] & MS_RECORD_DECODES)) {
    ms_put_episode(m, lesson->episode, lesson->flags);
  } else if (m->flags[c->slot] & MS_UNSAVED && c->saved) { /* nothing of it is on the card yet */
    change->with_content = 1;
    memset(change->content, 0, MS_SECTOR);
    memcpy(change->content, ms_hot_peek(m, c->slot), m->header.layout.slot_bytes);
  }
  if (lesson->flags & MS_KEEP) record[MS_R_FLAGS] |= MS_RECORD_KEPT;
  ms_put_name(record, lesson->name);
  ms_put64(record + MS_R_TAUGHT, m->clock + 1);
  ms_put64(record + MS_R_LAST_ACCESS, m->clock + 1);
  ms_putf(record + MS_R_KEY_SCALE, key_scale);
  ms_put32(record + MS_R_TIME, m->time);
  ms_put32(record + MS_R_WRITES, writes);
  ms_put16(record + MS_R_VIEWS, (uint16_t)n);
}

static int save(ms_memory* m, ms_change* change, int saved) {
  if (saved) return ms_save(m, change);
  int status = ms_keep_in_ram(m, change);
  if (status) return status;
  m->flags[change->slot] = (uint8_t)((m->flags[change->slot] & ~MS_DIRTY) | MS_UNSAVED);
  if (m->clock + 1 < MS_SEQUENCE_LIMIT) m->clock++;
  return MS_OK;
}

/* The other slots of a thing that was evicted. The lesson is taught already: where this, or sharing its
 * importance, fails or is cut, a slot is left as it was, whole, and the thing's next word mends it. */
static void evict_rest(ms_memory* m, const char* name, int saved) {
  for (int32_t slot = ms_find(m, name, 0); slot >= 0; slot = ms_find(m, name, (uint32_t)slot + 1))
    if (saved || m->flags[slot] & MS_UNSAVED) ms_forget_slot(m, (uint32_t)slot);
}

int ms_teach(ms_memory* m, const char* name, const float* episode, const float* key, float importance,
             uint32_t flags, ms_teach_result* result) {
  if (!m || !episode || !key || flags & ~(uint32_t)(MS_REPLACE | MS_BOTH | MS_DECODES | MS_KEEP) ||
      (flags & MS_REPLACE && flags & MS_BOTH))
    return MS_E_ARGUMENT;
  ms_teach_result local;
  if (!result) result = &local;
  memset(result, 0, sizeof *result);
  uint32_t dim = m->header.layout.dim;
  int status = ms_check_name(name);
  if (status) return status;
  if (!ms_all_finite(episode, dim) || !ms_all_finite(key, dim) || !ms_finite(importance) || importance < 0.0f)
    return MS_E_VALUE;
  status = ms_writable(m);
  if (status) return status;

  lesson lesson = {name, episode, key, importance, flags};
  choice c;
  float key_scale;
  ms_change* change = &m->change;
  memset(change->record, 0, MS_SECTOR);
  bm_quantise(key, (int32_t)dim, (int8_t*)change->record + MS_KEY_AT, &key_scale);
  do {
    status = choose(m, &lesson, (int8_t*)change->record + MS_KEY_AT, &c);
    if (!status) status = ms_mend(m, c.slot);
  } while (status > 0);
  if (status && status != MS_E_OTHER_NAME) return status;
  result->slot = c.slot;
  result->cosine = c.cosine;
  if (status || c.action == MS_ACTION_REPLACED || c.action == MS_ACTION_EVICTED)
    memcpy(result->previous, ms_name(m, c.slot), MS_NAME_BYTES);
  if (status) return status;
  compose(m, &lesson, &c, key_scale, change);
  status = save(m, change, c.saved);
  if (status) return status;
  if (c.action == MS_ACTION_EVICTED) evict_rest(m, result->previous, c.saved);
  ms_set_importance(m, name, ms_getf(ms_record(m, c.slot) + MS_R_IMPORTANCE));
  ms_touch(m, c.slot, 0);
  result->action = c.action;
  result->saved = (uint32_t)c.saved;
  uint32_t other;
  result->alike_cosine = ms_most_alike(m, c.slot, &other);
  if (other != MS_NONE) memcpy(result->alike, ms_name(m, other), MS_NAME_BYTES);
  return MS_OK;
}
