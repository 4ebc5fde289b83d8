/* I don't know: is the best slot's thing the one that is asked for?
 *
 * The cosine of a question and its best slot says little alone: some pictures are like everything. So both
 * the question and the slot's key are also compared with a cohort, keys that the model carries (score
 * normalisation by cohorts: Auckenthaler et al., 2000). All sums are float, in the order written here, so
 * that every machine gives the same verdict. */
#include <math.h>

#include "memory.h"

/* A key and its highest cosines with the cohort. */
typedef struct {
  const int8_t* key;
  int32_t squares;
  float best[MS_MAX_TOP], all;
  uint32_t count;
} neighbours;

static void take(neighbours* k, uint32_t top, float cosine) {
  k->all += cosine;
  uint32_t at = k->count;
  while (at > 0 && cosine > k->best[at - 1]) at--;
  if (at >= top) return;
  for (uint32_t i = k->count < top ? k->count : top - 1; i > at; i--) k->best[i] = k->best[i - 1];
  k->best[at] = cosine;
  if (k->count < top) k->count++;
}

/* Both keys in one pass over the cohort, which lies in flash. */
static void compare(const ms_refusal* r, uint32_t dim, neighbours* question, neighbours* slot) {
  for (uint32_t i = 0; i < dim; i++) {
    question->squares += question->key[i] * question->key[i];
    slot->squares += slot->key[i] * slot->key[i];
  }
  for (uint32_t n = 0; n < r->rows; n++) {
    const int8_t* row = r->cohort + (size_t)n * dim;
    int32_t with_question = 0, with_slot = 0, squares = 0;
    for (uint32_t i = 0; i < dim; i++) {
      with_question += question->key[i] * row[i];
      with_slot += slot->key[i] * row[i];
      squares += row[i] * row[i];
    }
    take(question, r->top, ms_cosine_of_sums(with_question, question->squares, squares));
    take(slot, r->top, ms_cosine_of_sums(with_slot, slot->squares, squares));
  }
}

/* Mean and standard deviation of the `top` highest cosines of a key with the cohort, the mean of all. */
static void summarise(const neighbours* k, uint32_t rows, float* features) {
  float sum = 0.0f, squares = 0.0f;
  for (uint32_t i = 0; i < k->count; i++) sum += k->best[i];
  float mean = sum / (float)k->count;
  for (uint32_t i = 0; i < k->count; i++) squares += (k->best[i] - mean) * (k->best[i] - mean);
  features[0] = mean;
  features[1] = sqrtf(squares / (float)k->count);
  features[2] = k->all / (float)rows;
}

int ms_judge(const ms_memory* m, const int8_t* query, const ms_nearest_slot* nearest, const ms_refusal* r,
             float* value) {
  if (!m || !query || !nearest || !r || !r->cohort || !r->rows || !r->top || r->top > MS_MAX_TOP || !value)
    return MS_E_ARGUMENT;
  *value = 0.0f;
  if (nearest->slot < 0 || (uint32_t)nearest->slot >= m->config.slots) return MS_UNKNOWN;
  float features[MS_FEATURES];
  neighbours question = {.key = query}, slot = {.key = ms_key(m, (uint32_t)nearest->slot)};
  compare(r, m->header.layout.dim, &question, &slot);
  features[0] = nearest->cosine;
  summarise(&question, r->rows, features + 1);
  summarise(&slot, r->rows, features + 4);
  features[7] = nearest->other_slots ? nearest->others : r->others_alone;
  float x = r->bias;
  for (uint32_t i = 0; i < MS_FEATURES; i++) x += r->weights[i] * features[i];
  *value = x;
  return x >= r->known ? MS_KNOWN : x >= r->perhaps ? MS_PERHAPS : MS_UNKNOWN;
}
