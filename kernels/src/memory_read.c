/* BITMAR_MEMORY_READ: softmax attention over the recalled slots. No scratch: the exponentials are computed
 * twice. */
#include "internal.h"

BM_FLOAT_CODE void memory_read(const float* scores, const float* values, const int32_t* mask,
                               float temperature, int32_t k, int32_t d, float* context) {
  float max = 0.0f, sum = 0.0f;
  int32_t count = 0;
  for (int32_t i = 0; i < k; i++) {
    float s = scores[i] / temperature;
    if (mask[i] && (count++ == 0 || s > max)) max = s;
  }
  for (int32_t i = 0; i < k; i++) {
    if (mask[i]) sum += bm_exp32(scores[i] / temperature - max);
  }
  float r = 1.0f / sum;
  for (int32_t j = 0; j < d; j++) context[j] = 0.0f;
  for (int32_t i = 0; i < k; i++, values += d) {
    if (!mask[i]) continue;
    float weight = bm_exp32(scores[i] / temperature - max) * r;
    for (int32_t j = 0; j < d; j++) context[j] += weight * values[j];
  }
}

bm_status bm_memory_read(const float* scores, const float* values, const int32_t* mask, float temperature,
                         int32_t k, int32_t d, float* context) {
  if (!scores || !values || !mask || !context) return BM_ERR_NULL;
  if (k <= 0 || d <= 0) return BM_ERR_SHAPE;
  bm_fp_state saved = bm_fp_enter();
  memory_read(scores, values, mask, temperature, k, d, context);
  bm_fp_leave(saved);
  return BM_OK;
}
