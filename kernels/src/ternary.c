/* What all ops on packed matrices share: sizes, checks, tiles of exact dot products. */
#include "internal.h"

int32_t bm_unit_rows(int32_t layout) {
  switch (layout) {
    case BM_LAYOUT_B3:
      return 5;
    case BM_LAYOUT_PL14:
    case BM_LAYOUT_C5:
      return 8;
    default:
      return 1;
  }
}

size_t bm_unit_bytes(int32_t layout, int32_t cols) {
  switch (layout) {
    case BM_LAYOUT_RM2:
      return (size_t)bm_rm2_row_bytes(cols);
    case BM_LAYOUT_B3:
      return (size_t)cols;
    case BM_LAYOUT_PL14:
      return 4 * (size_t)bm_pl14_words(cols);
    case BM_LAYOUT_C5:
      return 8 * (size_t)bm_c5_groups(cols);
    default:
      return 0;
  }
}

size_t bm_packed_bytes(int32_t layout, int32_t rows, int32_t cols) {
  if (rows <= 0 || cols <= 0 || rows > BM_MAX_ROWS || cols > BM_MAX_COLS) return 0;
  int32_t unit = bm_unit_rows(layout);
  uint64_t bytes = (uint64_t)((rows + unit - 1) / unit) * bm_unit_bytes(layout, cols);
  return bytes > SIZE_MAX ? 0 : (size_t)bytes;
}

bm_status bm_ternary_check(const bm_ternary* w) {
  if (!w || !w->packed || !w->gamma) return BM_ERR_NULL;
  if (w->layout < 0 || w->layout >= BM_LAYOUTS) return BM_ERR_LAYOUT;
  if (bm_packed_bytes(w->layout, w->rows, w->cols) == 0) return BM_ERR_SHAPE;
  if (w->gamma_per_row != 0 && w->gamma_per_row != 1) return BM_ERR_OPTION;
  return BM_OK;
}

void bm_ternary_dot(const bm_ternary* w, int32_t row_begin, int32_t row_end, const bm_token* token,
                    int32_t* acc) {
  int32_t rows = bm_unit_rows(w->layout);
  size_t first = (size_t)(row_begin / rows) * bm_unit_bytes(w->layout, w->cols);
  token->isa->dot[w->layout](w->packed + first, (row_end - row_begin + rows - 1) / rows, token, acc);
}
