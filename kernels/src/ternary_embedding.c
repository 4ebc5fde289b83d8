/* BITMAR_TERNARY_EMBEDDING. */
#include "internal.h"

static void row_rm2(const bm_ternary* w, int32_t id, const float* values, float* y) {
  const uint8_t* p = w->packed + (size_t)id * (size_t)bm_rm2_row_bytes(w->cols);
  for (int32_t c = 0; c < w->cols; c++) y[c] = values[p[c / 4] >> (2 * (c % 4)) & 3];
}

static void row_b3(const bm_ternary* w, int32_t id, const float* values, float* y) {
  static const uint8_t power[5] = {1, 3, 9, 27, 81};
  const uint8_t* p = w->packed + (size_t)(id / 5) * (size_t)w->cols;
  uint32_t divisor = power[id % 5];
  for (int32_t c = 0; c < w->cols; c++) y[c] = values[p[c] / divisor % 3];
}

static void row_pl14(const bm_ternary* w, int32_t id, const float* values, float* y) {
  const uint8_t* p = w->packed + (size_t)(id / 8) * bm_unit_bytes(BM_LAYOUT_PL14, w->cols) + 4 * (id % 8 / 2);
  for (int32_t c = 0; c < w->cols; c++) {
    int32_t a, b;
    bm_pl14_weights(bm_pl14_load(p + 16 * (c / 8)), c % 8, &a, &b);
    y[c] = values[((id % 2 ? b : a) + 1) & 3];
  }
}

static void row_c5(const bm_ternary* w, int32_t id, const float* values, float* y) {
  const uint8_t* p = w->packed + (size_t)(id / 8) * bm_unit_bytes(BM_LAYOUT_C5, w->cols) + id % 8;
  for (int32_t c = 0; c < w->cols; c += 5, p += 8) {
    uint32_t v = *p;
    for (int32_t i = c; i < w->cols && i < c + 5; i++, v /= 3) y[i] = values[v % 3];
  }
}

BM_FLOAT_CODE void embed(const bm_ternary* w, const int32_t* ids, int32_t n, float* y) {
  for (int32_t i = 0; i < n; i++) {
    float gamma = w->gamma[w->gamma_per_row ? ids[i] : 0];
    /* code 3 does not occur in valid weights; it reads as 2 so that all code paths agree */
    float values[4] = {-1.0f * gamma, 0.0f * gamma, 1.0f * gamma, 2.0f * gamma};
    float* row = y + (size_t)i * (size_t)w->cols;
    switch (w->layout) {
      case BM_LAYOUT_RM2:
        row_rm2(w, ids[i], values, row);
        break;
      case BM_LAYOUT_B3:
        row_b3(w, ids[i], values, row);
        break;
      case BM_LAYOUT_PL14:
        row_pl14(w, ids[i], values, row);
        break;
      default:
        row_c5(w, ids[i], values, row);
    }
  }
}

bm_status bm_ternary_embedding(const bm_ternary* w, const int32_t* ids, int32_t n, float* y) {
  if (!ids || !y) return BM_ERR_NULL;
  bm_status status = bm_ternary_check(w);
  if (status) return status;
  if (n <= 0) return BM_ERR_SHAPE;
  for (int32_t i = 0; i < n; i++) {
    if (ids[i] < 0 || ids[i] >= w->rows) return BM_ERR_INDEX;
  }
  bm_fp_state saved = bm_fp_enter();
  embed(w, ids, n, y);
  bm_fp_leave(saved);
  return BM_OK;
}
