/* Scores against every key in RAM, the k best, and their slots. */
#include "memory.h"

static float score(const ms_memory* m, uint32_t slot, const int8_t* query, float scale) {
  const uint8_t* record = ms_record(m, slot);
  const int8_t* key = (const int8_t*)record + MS_KEY_AT;
  int32_t dot = 0;
  for (uint32_t i = 0; i < m->header.layout.dim; i++) dot += query[i] * key[i];
  return (float)dot * (scale * ms_getf(record + MS_R_KEY_SCALE));
}

int ms_nearest(const ms_memory* m, const int8_t* query, ms_nearest_slot* nearest) {
  if (!m || !query || !nearest) return MS_E_ARGUMENT;
  uint32_t dim = m->header.layout.dim;
  *nearest = (ms_nearest_slot){-1, -1.0f, 0.0f, 0};
  for (uint32_t i = 0; i < m->config.slots; i++) {
    if (!ms_occupied(m, i)) continue;
    float cosine = ms_cosine(query, ms_key(m, i), dim);
    if (nearest->slot < 0 || cosine > nearest->cosine) nearest->slot = (int32_t)i, nearest->cosine = cosine;
  }
  for (uint32_t i = 0; i < m->config.slots && nearest->slot >= 0; i++) {
    if (!ms_occupied(m, i) || ms_same_thing(m, i, (uint32_t)nearest->slot)) continue;
    nearest->others += ms_cosine(query, ms_key(m, i), dim);
    nearest->other_slots++;
  }
  if (nearest->other_slots) nearest->others /= (float)nearest->other_slots;
  return MS_OK;
}

/* Insertion into a list of the k best; slots come in rising order, so equal scores keep the lower slot first.
 */
static uint32_t insert(int32_t* slots, float* scores, uint32_t n, uint32_t k, int32_t slot, float value) {
  uint32_t at = n < k ? n : k;
  while (at > 0 && value > scores[at - 1]) at--;
  if (at >= k) return n;
  for (uint32_t i = n < k ? n : k - 1; i > at; i--) slots[i] = slots[i - 1], scores[i] = scores[i - 1];
  slots[at] = slot;
  scores[at] = value;
  return n < k ? n + 1 : k;
}

int ms_read_slot(ms_memory* m, uint32_t slot, float* values) {
  if (!m || slot >= m->config.slots || !values) return MS_E_ARGUMENT;
  if (m->unresolved) ms_resolve(m); /* the card may answer again; if not, RAM and the cache still do */
  if (!ms_occupied(m, slot)) return MS_E_NOT_FOUND;
  const ms_layout* l = &m->header.layout;
  uint8_t* bytes = ms_hot_find(m, slot);
  if (bytes) {
    m->stats.hits++;
  } else {
    m->stats.misses++;
    int status = ms_load_slot(m, slot, m->change.content);
    if (status) return status;
    bytes = ms_hot_take(m, slot);
    if (bytes)
      memcpy(bytes, m->change.content, l->slot_bytes);
    else
      bytes = m->change.content;
  }
  ms_decode_slot(l, bytes, ms_getf(ms_record(m, slot) + MS_R_SLOT_SCALE), values);
  ms_touch(m, slot, 1);
  return MS_OK;
}

int ms_as_stored(const ms_memory* m, float* values) {
  if (!m || !values) return MS_E_ARGUMENT;
  uint8_t bytes[2 * MS_MAX_DIM];
  float scale = ms_encode_slot(&m->header.layout, values, bytes);
  ms_decode_slot(&m->header.layout, bytes, scale, values);
  return MS_OK;
}

int ms_recall(ms_memory* m, const int8_t* query, float scale, uint32_t k, float* scores, float* values,
              int32_t* mask, int32_t* slots) {
  if (!m || !query || !k || !scores || !values || !mask || !slots) return MS_E_ARGUMENT;
  uint32_t n = 0, dim = m->header.layout.dim;
  for (uint32_t i = 0; i < m->config.slots; i++)
    if (ms_occupied(m, i)) n = insert(slots, scores, n, k, (int32_t)i, score(m, i, query, scale));
  int result = MS_OK;
  for (uint32_t i = 0; i < k; i++) {
    int status = i < n ? ms_read_slot(m, (uint32_t)slots[i], values + (size_t)i * dim) : MS_E_NOT_FOUND;
    if (i < n && status) result = status;
    mask[i] = status == MS_OK;
    if (status == MS_OK) continue;
    slots[i] = -1;
    scores[i] = 0.0f;
    memset(values + (size_t)i * dim, 0, dim * sizeof(float));
  }
  return result;
}

void ms_get_stats(const ms_memory* m, ms_stats* stats) {
  *stats = m->stats;
  stats->clock = m->clock;
  stats->occupied = ms_count_occupied(m);
  stats->unsaved = 0;
  for (uint32_t i = 0; i < m->config.slots; i++) stats->unsaved += (m->flags[i] & MS_UNSAVED) != 0;
}

void ms_reset_stats(ms_memory* m) { memset(&m->stats, 0, sizeof m->stats); }
