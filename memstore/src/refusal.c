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

static int32_t squares_of(const int8_t* key, uint32_t dim) {
  int32_t squares = 0;
  for (uint32_t i = 0; i < dim; i++) squares += key[i] * key[i];
  return squares;
}

static void plain_dots(const int8_t* a, const int8_t* b, const int8_t* rows, uint32_t count, uint32_t dim,
                       int32_t* with_a, int32_t* with_b) {
  for (uint32_t n = 0; n < count; n++, rows += dim) {
    with_a[n] = with_b[n] = 0;
    for (uint32_t i = 0; i < dim; i++) {
      with_a[n] += a[i] * rows[i];
      with_b[n] += b[i] * rows[i];
    }
  }
}

/* Both keys in one pass over the cohort, which lies in flash. */
static void compare(const ms_refusal* r, uint32_t dim, neighbours* question, neighbours* slot) {
  enum { ROWS = 32 }; /* whose sums wait on the stack */
  ms_dots* dots = r->dots ? r->dots : plain_dots;
  question->squares = squares_of(question->key, dim);
  slot->squares = squares_of(slot->key, dim);
  for (uint32_t first = 0; first < r->rows; first += ROWS) {
    const uint32_t count = r->rows - first < ROWS ? r->rows - first : ROWS;
    const int8_t* rows = r->cohort + (size_t)first * dim;
    int32_t with_question[ROWS], with_slot[ROWS];
    dots(question->key, slot->key, rows, count, dim, with_question, with_slot);
    for (uint32_t n = 0; n < count; n++) {
      int32_t squares = r->squares ? r->squares[first + n] : squares_of(rows + (size_t)n * dim, dim);
      take(question, r->top, ms_cosine_of_sums(with_question[n], question->squares, squares));
      take(slot, r->top, ms_cosine_of_sums(with_slot[n], slot->squares, squares));
    }
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
