/* The input that says how many rows are used: `used` int32 [rows], rows after its last entry that is not 0
 * are padding, which is not computed; their results are 0. Without that input all rows are used. */
#ifndef BITMAR_OPS_USED_H_
#define BITMAR_OPS_USED_H_

#include <string.h>

#include "tensors.h"

/* `in` is the input, or all zeros where it is left out. */
static inline bool op_check_used(const bm_op_tensor* in, int i, int rows, bm_op_reason* why) {
  return !in[i].type || op_check_count(in, i, rows, "used", why);
}

/* How many of `rows` are computed; sets the others of y [rows, cols] to 0. */
static inline int op_used_rows(const bm_op_tensor* used, int rows, int cols, float* y) {
  const int32_t* mask = used->data;
  int count = rows;
  while (mask && count > 0 && mask[count - 1] == 0) --count;
  const size_t row = (size_t)cols * sizeof *y;
  memset(y + (size_t)count * (size_t)cols, 0, (size_t)(rows - count) * row);
  return count;
}

#endif
