/* BITMAR_TERNARY_FC. */
#include "internal.h"

static void activate(int32_t activation, int32_t n, float* y) {
  if (activation != BM_ACTIVATION_SQUARED_RELU) return;
  for (int32_t i = 0; i < n; i++) {
    float t = y[i] > 0.0f ? y[i] : 0.0f;
    y[i] = t * t;
  }
}

BM_FLOAT_CODE void fc_token(const bm_ternary* w, const bm_token* token, int32_t row_begin, int32_t row_end,
                            int32_t activation, float* y) {
  int32_t acc[BM_TILE_ROWS], n = row_end - row_begin;
  bm_ternary_dot(w, row_begin, row_end, token, acc);
  y += row_begin;
  if (w->gamma_per_row) {
    const float* gamma = w->gamma + row_begin;
    for (int32_t i = 0; i < n; i++) y[i] = (float)acc[i] * (token->d * gamma[i]);
  } else {
    float scale = token->d * w->gamma[0];
#pragma GCC unroll 4
    for (int32_t i = 0; i < n; i++) y[i] = (float)acc[i] * scale;
  }
  activate(activation, n, y);
}

static int32_t tile_end(const bm_ternary* w, int32_t row) {
  return w->rows - row < BM_TILE_ROWS ? w->rows : row + BM_TILE_ROWS;
}

static bm_status check(const bm_ternary* w, int32_t activation) {
  bm_status status = bm_ternary_check(w);
  if (status) return status;
  if (!BM_USES(w->layout)) return BM_ERR_LAYOUT;
  if (activation != BM_ACTIVATION_NONE && activation != BM_ACTIVATION_SQUARED_RELU) return BM_ERR_OPTION;
  return BM_OK;
}

bm_status bm_ternary_fc_token(const bm_ternary* w, const bm_token* token, int32_t activation, float* y) {
  if (!token || !y) return BM_ERR_NULL;
  bm_status status = check(w, activation);
  if (status) return status;
  if (token->cols != w->cols || token->layout != w->layout) return BM_ERR_SHAPE;
  bm_fp_state saved = bm_fp_enter();
  for (int32_t row = 0; row < w->rows; row = tile_end(w, row))
    fc_token(w, token, row, tile_end(w, row), activation, y);
  bm_fp_leave(saved);
  return BM_OK;
}

BM_FLOAT_CODE void prepare(const bm_ternary* w, const float* x, int32_t n, unsigned char* scratch) {
  size_t cols = (size_t)w->cols;
  for (int32_t t = 0; t < n; t++) {
    size_t size = BM_TOKEN_BYTES(cols);
    bm_token_write(w->layout, w->cols, x + (size_t)t * cols, scratch + (size_t)t * size, size);
  }
}

bm_status bm_ternary_fc(const bm_ternary* w, const float* x, int32_t n, int32_t activation, float* y,
                        void* scratch, size_t scratch_bytes) {
  if (!x || !y || !scratch) return BM_ERR_NULL;
  bm_status status = check(w, activation);
  if (status) return status;
  if (n <= 0) return BM_ERR_SHAPE;
  size_t cols = (size_t)w->cols, rows = (size_t)w->rows, size = BM_TOKEN_BYTES(cols),
         room = scratch_bytes / size;
  if (room == 0) return BM_ERR_SCRATCH;
  int32_t chunk = room < (size_t)n ? (int32_t)room : n;

  bm_fp_state saved = bm_fp_enter();
  const bm_backend* isa = bm_backend_current();
  if (isa->fc && isa->fc(w, x, n, activation, y, scratch, scratch_bytes)) n = 0; /* done */
  for (int32_t first = 0; first < n; first += chunk) {
    int32_t count = n - first < chunk ? n - first : chunk;
    prepare(w, x + (size_t)first * cols, count, scratch);
    /* tokens inside tiles: a tile of weights is read from memory once and stays in the cache */
    for (int32_t row = 0; row < w->rows; row = tile_end(w, row)) {
      for (int32_t t = 0; t < count; t++) {
        const bm_token* token = bm_token_at((unsigned char*)scratch + (size_t)t * size);
        fc_token(w, token, row, tile_end(w, row), activation, y + (size_t)(first + t) * rows);
      }
    }
  }
  bm_fp_leave(saved);
  return BM_OK;
}
