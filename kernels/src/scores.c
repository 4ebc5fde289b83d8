/* Dot products of int8 vectors; scores of a quantised query against the quantised keys of the memory's index.
 */
#include "internal.h"

BM_FLOAT_CODE float score(const int8_t* a, float da, const int8_t* b, float db, int32_t n) {
  return (float)bm_backend_current()->dot_s8(a, b, n) * (da * db);
}

float bm_score(const int8_t* a, float da, const int8_t* b, float db, int32_t n) {
  bm_fp_state saved = bm_fp_enter();
  float s = score(a, da, b, db, n);
  bm_fp_leave(saved);
  return s;
}

bm_status bm_scores(const int8_t* query, float query_scale, const int8_t* keys, size_t key_stride,
                    const float* scales, int32_t count, int32_t n, float* scores) {
  if (!query || !keys || !scales || !scores) return BM_ERR_NULL;
  if (count < 0 || n <= 0 || n > BM_MAX_COLS || key_stride < (size_t)n) return BM_ERR_SHAPE;
  bm_fp_state saved = bm_fp_enter();
  for (int32_t i = 0; i < count; i++) {
    scores[i] = score(query, query_scale, keys + (size_t)i * key_stride, scales[i], n);
  }
  bm_fp_leave(saved);
  return BM_OK;
}

bm_status bm_dots(const int8_t* a, const int8_t* b, const int8_t* rows, int32_t count, int32_t n,
                  int32_t* with_a, int32_t* with_b) {
  if (!a || !b || !rows || !with_a || !with_b) return BM_ERR_NULL;
  if (count < 0 || n <= 0 || n > BM_MAX_COLS) return BM_ERR_SHAPE;
  const bm_backend* isa = bm_backend_current();
  if (isa->dots && isa->dots(a, b, rows, count, n, with_a, with_b)) return BM_OK;
  for (int32_t i = 0; i < count; i++, rows += n) {
    with_a[i] = isa->dot_s8(a, rows, n);
    with_b[i] = isa->dot_s8(b, rows, n);
  }
  return BM_OK;
}
