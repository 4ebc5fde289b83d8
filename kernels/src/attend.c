/* What the three attention-like ops share. Every loop's order of additions is part of the ops' definition. */
#include "internal.h"

float bm_lane_dot(const float* a, const float* b, int32_t n) {
#if defined(BM_HAVE_DSP)
  if (n % 16 == 0 && n > 0) return bm_dsp_lane_dot(a, b, n);
#endif
  float acc[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  int32_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (int32_t j = 0; j < 4; j++) acc[j] += a[i + j] * b[i + j];
  }
  for (; i < n; i++) acc[i % 4] += a[i] * b[i];
  return (acc[0] + acc[1]) + (acc[2] + acc[3]);
}

/* LANES: outputs whose sums stay in registers. */
#if !defined(__GNUC__) || defined(BM_HAVE_DSP)
enum { LANES = 8 };
#else
enum { LANES = 32 };
#define BM_LANES4 1

typedef float lanes4 __attribute__((vector_size(16)));

static inline lanes4 load4(const float* p) {
  lanes4 v;
  memcpy(&v, p, sizeof v);
  return v;
}

/* Four bm_lane_dots at once: the additions of one need not wait for those of another. n % 4 == 0. */
static void lane_dots4(const float* q, const float* keys, size_t stride, int32_t n, float* dots) {
  lanes4 acc[4] = {{0.0f}, {0.0f}, {0.0f}, {0.0f}};
  for (int32_t i = 0; i < n; i += 4) {
    lanes4 x = load4(q + i);
    for (int32_t k = 0; k < 4; k++) acc[k] += x * load4(keys + (size_t)k * stride + i);
  }
  for (int32_t k = 0; k < 4; k++) dots[k] = (acc[k][0] + acc[k][1]) + (acc[k][2] + acc[k][3]);
}
#endif

int32_t bm_softmax(float* s, const int32_t* mask, int32_t n) {
  int32_t count = 0;
  float max = 0.0f, sum = 0.0f;
  for (int32_t i = 0; i < n; i++) {
    if (mask && !mask[i]) continue;
    if (count++ == 0 || s[i] > max) max = s[i];
  }
  if (!mask) {
    for (int32_t i = 0; i < n; i++) s[i] = bm_exp32_inline(s[i] - max);
    for (int32_t i = 0; i < n; i++) sum += s[i];
  }
  for (int32_t i = 0; mask && i < n; i++) {
    if (!mask[i]) {
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
#if defined(BM_HAVE_DSP)
  if (bm_dsp_attend(a, q, s, y)) return;
#endif
  const float* key = a->keys;
  int32_t i = 0;
#if defined(BM_LANES4)
  for (; !a->mask && a->dh % 4 == 0 && i + 4 <= a->count; i += 4, key += 4 * a->stride) {
    lane_dots4(q, key, a->stride, a->dh, s + i);
    for (int32_t k = 0; k < 4; k++) s[i + k] *= a->scale;
  }
#endif
  for (; i < a->count; i++, key += a->stride) {
    if (!a->mask || a->mask[i]) s[i] = bm_lane_dot(q, key, a->dh) * a->scale;
  }
  bm_softmax(s, a->mask, a->count);
  bm_weighted_sum(s, a->values, a->stride, a->mask, a->count, a->dh, y);
}
