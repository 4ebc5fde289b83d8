/** What the generated C needs beside the ternary kernels: element-wise sums and products, copies, look-ups.
 *
 *  An operand of an element-wise operation is an address with two strides in numbers: `row` from one row to
 * the next (0 = the same row for all) and `item` from one number to the next (0 = the same number for the
 * whole row). The result may lie on an operand of its own shape. */
#pragma once
#include <stdint.h>
#include <string.h>

#include "bitmar_kernels.h"

#define AOT_ELEMENTWISE(name, type, operator)                                                         \
  static inline void name(const type* a, int32_t a_row, int32_t a_item, const type* b, int32_t b_row, \
                          int32_t b_item, int32_t rows, int32_t width, type* y) {                     \
    for (int32_t r = 0; r < rows; r++)                                                                \
      for (int32_t i = 0; i < width; i++)                                                             \
        y[r * width + i] = a[r * a_row + i * a_item] operator b[r * b_row + i * b_item];              \
  }

AOT_ELEMENTWISE(aot_add, float, +)
AOT_ELEMENTWISE(aot_sub, float, -)
AOT_ELEMENTWISE(aot_mul, float, *)
AOT_ELEMENTWISE(aot_add_int, int32_t, +)
AOT_ELEMENTWISE(aot_sub_int, int32_t, -)
AOT_ELEMENTWISE(aot_mul_int, int32_t, *)

/** max(x, 0); a negative zero stays one, as in TensorFlow Lite. */
static inline void aot_relu(const float* x, int32_t count, float* y) {
  for (int32_t i = 0; i < count; i++) y[i] = x[i] < 0.0f ? 0.0f : x[i];
}

static inline void aot_cast(const int32_t* x, int32_t count, float* y) {
  for (int32_t i = 0; i < count; i++) y[i] = (float)x[i];
}

/** Rows up to the last that mask[rows] names. */
static inline int32_t aot_used(const int32_t* mask, int32_t rows) {
  while (rows > 0 && !mask[rows - 1]) rows--;
  return rows;
}

/** The rows from `first` on become zeros. */
static inline void aot_zero_rows(uint8_t* y, int32_t first, int32_t rows, int32_t row_bytes) {
  memset(y + (size_t)first * row_bytes, 0, (size_t)(rows - first) * row_bytes);
}

/** rows[ids[i]] of `row_bytes` each; BM_ERR_INDEX and nothing written if an id is outside [0, count). */
static inline bm_status aot_gather(const void* rows, int32_t count, int32_t row_bytes, const int32_t* ids,
                                   int32_t n, void* y) {
  for (int32_t i = 0; i < n; i++)
    if (ids[i] < 0 || ids[i] >= count) return BM_ERR_INDEX;
  for (int32_t i = 0; i < n; i++)
    memcpy((uint8_t*)y + (size_t)i * row_bytes, (const uint8_t*)rows + (size_t)ids[i] * row_bytes, row_bytes);
  return BM_OK;
}

/** `count` pieces of `bytes`, from x + x_offset every x_stride bytes to y + y_offset every y_stride bytes. */
static inline void aot_copy(const void* x, int32_t x_offset, int32_t x_stride, int32_t bytes, int32_t count,
                            void* y, int32_t y_offset, int32_t y_stride) {
  for (int32_t i = 0; i < count; i++)
    memcpy((uint8_t*)y + y_offset + (size_t)i * y_stride, (const uint8_t*)x + x_offset + (size_t)i * x_stride,
           bytes);
}
