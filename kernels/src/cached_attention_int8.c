/* BITMAR_CACHED_ATTENTION_INT8: CACHED_ATTENTION whose queries, keys and values are int8 with a scale for
 * each head, and whose weights are int16: all products are exact sums of integers. */
#include "internal.h"

static bm_int8_head head_at(uint8_t* k_cache, uint8_t* v_cache, int32_t head, int32_t dh, int32_t window) {
  size_t codes = (size_t)window * (size_t)dh, at = (size_t)head * (codes + (size_t)window * sizeof(float));
  return (bm_int8_head){.k_codes = (int8_t*)k_cache + at,
                        .v_codes = (int8_t*)v_cache + at,
                        .k_scales = k_cache + at + codes,
                        .v_scales = v_cache + at + codes,
                        .dh = dh,
                        .window = window};
}

static float scale_at(const uint8_t* scales, int32_t slot) {
  float scale;
  memcpy(&scale, scales + (size_t)slot * sizeof scale, sizeof scale);
  return scale;
}

/* codes[i * step] and the scale of x[n]. */
static void keep(const float* x, int32_t n, int8_t* codes, size_t step, uint8_t* scale) {
  float m = bm_backend_current()->absmax(x, n), d = m / 127.0f, r = 127.0f / m;
#if defined(BM_HAVE_DSP)
  bm_dsp_codes(x, n, r, codes, step);
#else
  for (int32_t i = 0; i < n; i++) codes[(size_t)i * step] = (int8_t)bm_round(x[i] * r);
#endif
  memcpy(scale, &d, sizeof d);
}

static void attend(const bm_int8_head* h, const float* q, float* y, void* scratch) {
#if defined(BM_HAVE_DSP)
  if (bm_dsp_attend_int8(h, q, y, scratch)) return;
#endif
  int32_t (*dot)(const int8_t*, const int8_t*, int32_t) = bm_backend_current()->dot_s8;
  float* s = scratch;
  int16_t* weights = (int16_t*)(s + h->window);
  int8_t* query = (int8_t*)(weights + h->window);
  float m = bm_backend_current()->absmax(q, h->dh), root = 1.0f / __builtin_sqrtf((float)h->dh);
  float t = m / 127.0f * root, sum = 0.0f, weighted = 0.0f;
  bm_quantise_with(q, h->dh, 127.0f / m, query);
  for (int32_t i = 0; i < h->count; i++)
    s[i] = (float)dot(query, h->k_codes + (size_t)i * (size_t)h->dh, h->dh) * (t * scale_at(h->k_scales, i));
  float max = s[0];
  for (int32_t i = 1; i < h->count; i++) max = s[i] > max ? s[i] : max;
  for (int32_t i = 0; i < h->count; i++) s[i] = bm_exp32_inline(s[i] - max);
  for (int32_t i = 0; i < h->count; i++) sum += s[i];
  for (int32_t i = 0; i < h->count; i++) s[i] = s[i] * scale_at(h->v_scales, i);
  for (int32_t i = 0; i < h->count; i++) weighted += s[i];
  float r = 32767.0f / weighted, scale = weighted / (sum * 32767.0f);
  for (int32_t i = 0; i < h->count; i++) weights[i] = (int16_t)bm_round(s[i] * r);
  const int8_t* column = h->v_codes;
  for (int32_t c = 0; c < h->dh; c++, column += h->window) {
    int32_t dots = 0;
    for (int32_t i = 0; i < h->count; i++) dots += weights[i] * column[i];
    y[c] = (float)dots * scale;
  }
}

BM_FLOAT_CODE void step(const float* qkv, int32_t slot, int32_t heads, int32_t width, int32_t window,
                        int32_t count, uint8_t* k_cache, uint8_t* v_cache, float* y, void* scratch) {
  int32_t dh = width / heads;
  size_t row = (size_t)slot * (size_t)dh, scale = (size_t)slot * sizeof(float);
  for (int32_t i = 0; i < heads; i++) {
    const float* q = qkv + i * dh;
    bm_int8_head h = head_at(k_cache, v_cache, i, dh, window);
    h.count = count;
    keep(q + width, dh, h.k_codes + row, 1, h.k_scales + scale);
    keep(q + 2 * width, dh, h.v_codes + slot, (size_t)window, h.v_scales + scale);
    attend(&h, q, y + i * dh, scratch);
  }
}

bm_status bm_cached_attention_int8(const float* qkv, int32_t position, int32_t heads, int32_t width,
                                   int32_t window, int32_t sinks, uint8_t* k_cache, uint8_t* v_cache,
                                   float* y, void* scratch, size_t scratch_bytes) {
  if (!qkv || !k_cache || !v_cache || !y || !scratch) return BM_ERR_NULL;
  if (heads <= 0 || width <= 0 || width % heads || sinks < 0 || window <= sinks) return BM_ERR_SHAPE;
  if (width > BM_MAX_COLS) return BM_ERR_SHAPE;
  if (position < 0) return BM_ERR_INDEX;
  if (scratch_bytes < BM_CACHED_ATTENTION_INT8_BYTES(window, width)) return BM_ERR_SCRATCH;
  int32_t count = position < window ? position + 1 : window;
  bm_fp_state saved = bm_fp_enter();
  step(qkv, bm_cache_slot(position, window, sinks), heads, width, window, count, k_cache, v_cache, y,
       bm_align(scratch, sizeof(float)));
  bm_fp_leave(saved);
  return BM_OK;
}
