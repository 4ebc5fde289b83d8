/* I don't know: is the best slot's thing the one that is asked for?
 *
 * The cosine of a question and its best slot says little alone: some pictures are like everything. So both
 * the question and the slot's key are also compared with a cohort, keys that the model carries (score
 * normalisation by cohorts: Auckenthaler et al., 2000). All sums are float, in the order written here, so
 * that every machine gives the same verdict. */
#include <math.h>

#include "memory.h"

/* Mean and standard deviation of the `top` highest cosines of a key with the cohort, the mean of all. */
static void beside_cohort(const ms_refusal* r, uint32_t dim, const int8_t* key, float* features) {
  float best[MS_MAX_TOP], sum = 0.0f, all = 0.0f, squares = 0.0f;
  uint32_t n = 0;
  for (uint32_t row = 0; row < r->rows; row++) {
    float cosine = ms_cosine(key, r->cohort + (size_t)row * dim, dim);
    all += cosine;
    uint32_t at = n;
    while (at > 0 && cosine > best[at - 1]) at--;
    if (at >= r->top) continue;
    for (uint32_t i = n < r->top ? n : r->top - 1; i > at; i--) best[i] = best[i - 1];
    best[at] = cosine;
    if (n < r->top) n++;
  }
  for (uint32_t i = 0; i < n; i++) sum += best[i];
  float mean = sum / (float)n;
  for (uint32_t i = 0; i < n; i++) squares += (best[i] - mean) * (best[i] - mean);
  features[0] = mean;
  features[1] = sqrtf(squares / (float)n);
  features[2] = all / (float)r->rows;
}

int ms_judge(const ms_memory* m, const int8_t* query, const ms_nearest_slot* nearest, const ms_refusal* r,
             float* value) {
  if (!m || !query || !nearest || !r || !r->cohort || !r->rows || !r->top || r->top > MS_MAX_TOP || !value)
    return MS_E_ARGUMENT;
  *value = 0.0f;
  if (nearest->slot < 0 || (uint32_t)nearest->slot >= m->config.slots) return MS_UNKNOWN;
  float features[MS_FEATURES];
  features[0] = nearest->cosine;
  beside_cohort(r, m->header.layout.dim, query, features + 1);
  beside_cohort(r, m->header.layout.dim, ms_key(m, (uint32_t)nearest->slot), features + 4);
  features[7] = nearest->other_slots ? nearest->others : r->others_alone;
  float x = r->bias;
  for (uint32_t i = 0; i < MS_FEATURES; i++) x += r->weights[i] * features[i];
  *value = x;
  return x >= r->known ? MS_KNOWN : x >= r->perhaps ? MS_PERHAPS : MS_UNKNOWN;
}
