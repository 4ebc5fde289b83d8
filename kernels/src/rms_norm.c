/* BITMAR_RMS_NORM (Zhang and Sennrich 2019, "Root Mean Square Layer Normalization"). */
#include "internal.h"

BM_FLOAT_CODE void rms_norm(const float* x, const float* g, int32_t rows, int32_t n, float* y) {
  for (int32_t t = 0; t < rows; t++, x += n, y += n) {
    float ss = bm_lane_dot(x, x, n);
    float r = 1.0f / __builtin_sqrtf(ss / (float)n + 1e-6f);
    for (int32_t i = 0; i < n; i++) y[i] = (x[i] * r) * g[i];
  }
}

bm_status bm_rms_norm(const float* x, const float* g, int32_t rows, int32_t n, float* y) {
  if (!x || !g || !y) return BM_ERR_NULL;
  if (rows <= 0 || n <= 0) return BM_ERR_SHAPE;
  bm_fp_state saved = bm_fp_enter();
  rms_norm(x, g, rows, n, y);
  bm_fp_leave(saved);
  return BM_OK;
}
