#include "internal.h"

float bm_absmax(const float* x, int32_t n) {
  /* the order of non-negative floats is the order of their bits; integers keep NaN out and vectorise */
  int32_t best = 0;
  for (int32_t i = 0; i < n; i++) {
    int32_t u = (int32_t)(bm_bits(x[i]) & 0x7FFFFFFFu);
    u = u > 0x7F800000 ? 0 : u;
    best = u > best ? u : best;
  }
  float m = bm_from_bits((uint32_t)best);
  return m > 1e-5f ? m : 1e-5f;
}

void bm_quantise_with(const float* x, int32_t n, float r, int8_t* q) {
  /* |x * r| <= 127 (1 + 2^-23) rounds into [-127, 127]: no clamp needed */
  for (int32_t i = 0; i < n; i++) q[i] = (int8_t)bm_round(x[i] * r);
}

BM_FLOAT_CODE void quantise(const float* x, int32_t n, int8_t* q, float* d) {
  float m = bm_absmax(x, n);
  bm_quantise_with(x, n, 127.0f / m, q);
  *d = m / 127.0f;
}

bm_status bm_quantise(const float* x, int32_t n, int8_t* q, float* d) {
  if (!x || !q || !d) return BM_ERR_NULL;
  if (n <= 0) return BM_ERR_SHAPE;
  bm_fp_state saved = bm_fp_enter();
  quantise(x, n, q, d);
  bm_fp_leave(saved);
  return BM_OK;
}
