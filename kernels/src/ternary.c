/* What all ops on packed matrices share: sizes, checks, tiles of exact dot products. */
#include "internal.h"

size_t bm_packed_bytes(int32_t layout, int32_t rows, int32_t cols) {
  if (rows <= 0 || cols <= 0 || rows > BM_MAX_ROWS || cols > BM_MAX_COLS) return 0;
  uint64_t bytes = 0;
  if (layout == BM_LAYOUT_RM2) bytes = (uint64_t)rows * (uint64_t)bm_rm2_row_bytes(cols);
  if (layout == BM_LAYOUT_B3) bytes = (uint64_t)((rows + 4) / 5) * (uint64_t)cols;
  return bytes > SIZE_MAX ? 0 : (size_t)bytes;
}

bm_status bm_ternary_check(const bm_ternary* w) {
  if (!w || !w->packed || !w->gamma) return BM_ERR_NULL;
  if (w->layout != BM_LAYOUT_RM2 && w->layout != BM_LAYOUT_B3) return BM_ERR_LAYOUT;
  if (bm_packed_bytes(w->layout, w->rows, w->cols) == 0) return BM_ERR_SHAPE;
  if (w->gamma_per_row != 0 && w->gamma_per_row != 1) return BM_ERR_OPTION;
  return BM_OK;
}

void bm_ternary_dot(const bm_ternary* w, int32_t row_begin, int32_t row_end, const bm_token* token,
                    int32_t* acc) {
  size_t cols = (size_t)w->cols;
  if (w->layout == BM_LAYOUT_RM2) {
    size_t stride = (size_t)bm_rm2_row_bytes(w->cols);
    token->isa->dot_rm2(w->packed + (size_t)row_begin * stride, row_end - row_begin, token, acc);
  } else {
    token->isa->dot_b3(w->packed + (size_t)(row_begin / 5) * cols, (row_end - row_begin + 4) / 5, token, acc);
  }
}
