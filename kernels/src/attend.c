/* What the three attention-like ops share. Every loop's order of additions is part of the ops' definition. */
#include "internal.h"

float bm_lane_dot(const float* a, const float* b, int32_t n) {
  float acc[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  int32_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (int32_t j = 0; j < 4; j++) acc[j] += a[i + j] * b[i + j];
  }
  for (; i < n; i++) acc[i % 4] += a[i] * b[i];
  return (acc[0] + acc[1]) + (acc[2] + acc[3]);
}

int32_t bm_softmax(float* s, const int32_t* mask, int32_t n) {
  int32_t count = 0;
  float max = 0.0f, sum = 0.0f;
  for (int32_t i = 0; i < n; i++) {
    if (mask && !mask[i]) continue;
    if (count++ == 0 || s[i] > max) max = s[i];
  }
  for (int32_t i = 0; i < n; i++) {
    if (mask && !mask[i]) {
      s[i] = 0.0f;
      continue;
    }
    s[i] = bm_exp32(s[i] - max);
    sum += s[i];
  }
  if (count == 0) return 0;
  float r = 1.0f / sum;
  for (int32_t i = 0; i < n; i++) s[i] = s[i] * r;
  return count;
}

void bm_weighted_sum(const float* weights, const float* values, size_t stride, const int32_t* mask, int32_t n,
                     int32_t d, float* y) {
  enum { LANES = 8 }; /* outputs whose sums stay in registers */
  int32_t c = 0;
  for (; c + LANES <= d; c += LANES) {
    float acc[LANES] = {0.0f};
    const float* v = values + c;
    for (int32_t i = 0; i < n; i++, v += stride) {
      if (mask && !mask[i]) continue;
      for (int32_t j = 0; j < LANES; j++) acc[j] += weights[i] * v[j];
    }
    for (int32_t j = 0; j < LANES; j++) y[c + j] = acc[j];
  }
  for (; c < d; c++) {
    float acc = 0.0f;
    const float* v = values + c;
    for (int32_t i = 0; i < n; i++, v += stride) {
      if (!mask || mask[i]) acc += weights[i] * *v;
    }
    y[c] = acc;
  }
}

void bm_attend(const bm_attend_args* a, const float* q, float* s, float* y) {
  const float* key = a->keys;
  for (int32_t i = 0; i < a->count; i++, key += a->stride) {
    if (!a->mask || a->mask[i]) s[i] = bm_lane_dot(q, key, a->dh) * a->scale;
  }
  bm_softmax(s, a->mask, a->count);
  bm_weighted_sum(s, a->values, a->stride, a->mask, a->count, a->dh, y);
}
