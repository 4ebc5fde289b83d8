/* BITMAR_CACHED_ATTENTION: one step with attention sinks and a sliding window (Xiao et al. 2023, "Efficient
 * Streaming Language Models with Attention Sinks"). */
#include "internal.h"

int32_t bm_cache_slot(int32_t p, int32_t window, int32_t sinks) {
  if (p < 0 || sinks < 0 || window <= sinks) return -1;
  return p < window ? p : sinks + (p - sinks) % (window - sinks);
}

BM_FLOAT_CODE void attend(const float* q, int32_t heads, int32_t width, int32_t count, const float* k_cache,
                          const float* v_cache, float* y, float* s) {
  int32_t dh = width / heads;
  bm_attend_args a = {
      .stride = (size_t)width, .count = count, .dh = dh, .scale = 1.0f / __builtin_sqrtf((float)dh)};
  for (int32_t at = 0; at < width; at += dh) {
    a.keys = k_cache + at;
    a.values = v_cache + at;
    bm_attend(&a, q + at, s, y + at);
  }
}

bm_status bm_cached_attention(const float* qkv, int32_t position, int32_t heads, int32_t width,
                              int32_t window, int32_t sinks, float* k_cache, float* v_cache, float* y,
                              void* scratch, size_t scratch_bytes) {
  if (!qkv || !k_cache || !v_cache || !y || !scratch) return BM_ERR_NULL;
  if (heads <= 0 || width <= 0 || width % heads || sinks < 0 || window <= sinks) return BM_ERR_SHAPE;
  if (position < 0) return BM_ERR_INDEX;
  if (scratch_bytes < BM_ATTENTION_BYTES(window)) return BM_ERR_SCRATCH;
  size_t n = (size_t)width, slot = (size_t)bm_cache_slot(position, window, sinks);
  memcpy(k_cache + slot * n, qkv + n, n * sizeof(float));
  memcpy(v_cache + slot * n, qkv + 2 * n, n * sizeof(float));
  int32_t count = position < window ? position + 1 : window;
  bm_fp_state saved = bm_fp_enter();
  attend(qkv, heads, width, count, k_cache, v_cache, y, bm_align(scratch, sizeof(float)));
  bm_fp_leave(saved);
  return BM_OK;
}
