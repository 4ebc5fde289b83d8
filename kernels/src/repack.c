/* Another layout for a packed matrix: for targets whose kernels read rm2 faster and that have the RAM. */
#include "internal.h"

int32_t bm_fastest_layout(void) { return bm_backend_current()->fastest; }

/* The five codes of each byte of b3, one a byte, lowest row first. */
static void digits_of_bytes(uint64_t digits[256]) {
  for (int32_t byte = 0; byte < 256; byte++) {
    int32_t rest = byte;
    digits[byte] = 0;
    for (int32_t i = 0; i < 4; i++, rest /= 3) digits[byte] |= (uint64_t)(rest % 3) << (8 * i);
    digits[byte] |=
        (uint64_t)rest << 32; /* above 2 only where no matrix was packed: as the b3 kernels read it */
  }
}

bm_status bm_repack_b3_as_rm2(const bm_ternary* w, uint8_t* packed) {
  enum { kAllZero = 121 }; /* five weights of 0 */
  if (!packed) return BM_ERR_NULL;
  bm_status status = bm_ternary_check(w);
  if (status) return status;
  if (w->layout != BM_LAYOUT_B3) return BM_ERR_LAYOUT;
  uint64_t digits[256];
  digits_of_bytes(digits);
  size_t row_bytes = (size_t)bm_rm2_row_bytes(w->cols);
  const uint8_t* group = w->packed;
  for (int32_t row = 0; row < w->rows; row += 5, group += w->cols, packed += 5 * row_bytes) {
    int32_t rows = w->rows - row < 5 ? w->rows - row : 5;
    for (int32_t c = 0; c < w->cols; c += 4) {
      uint64_t quad = 0; /* a byte of rm2 for each of five rows */
      for (int32_t k = 0; k < 4; k++) quad |= digits[c + k < w->cols ? group[c + k] : kAllZero] << (2 * k);
      for (int32_t i = 0; i < rows; i++)
        packed[(size_t)i * row_bytes + (size_t)c / 4] = (uint8_t)(quad >> (8 * i));
    }
  }
  return BM_OK;
}
