#include "internal.h"

/* The order of non-negative floats is the order of their bits; integer maxima vectorise. */
static uint32_t max_bits(const float* x, int32_t n) {
  uint32_t best = 0;
#pragma GCC unroll 4
  for (int32_t i = 0; i < n; i++) {
    uint32_t u = bm_bits(x[i]) << 1;
    best = u > best ? u : best;
  }
  return best >> 1;
}

float bm_absmax(const float* x, int32_t n) {
  uint32_t best = max_bits(x, n);
  if (best > 0x7F800000u) { /* a NaN, which counts as 0: look again, one by one */
    best = 0;
    for (int32_t i = 0; i < n; i++) {
      uint32_t u = max_bits(x + i, 1);
      if (u <= 0x7F800000u && u > best) best = u;
    }
  }
  float m = bm_from_bits(best);
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
