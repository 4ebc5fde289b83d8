#include "matrix.h"

#include "reason.h"
#include "tensors.h"

enum { kX = 0, kWeights = 1, kGamma = 2 };

bool op_check_matrix(const bm_op_tensor* in, int layout, int rows, int cols, bm_op_reason* why) {
  const size_t bytes = bm_packed_bytes(layout, rows, cols);
  if (bytes == 0) {
    return op_refuse(why, "layout %d with %d rows, %d columns is unknown to this program", layout, rows,
                     cols);
  }
  if (!op_check_constant(in, kWeights, why) || !op_check_constant(in, kGamma, why)) return false;
  if (!op_check_count(in, kWeights, (long long)bytes, "packed matrix", why)) return false;
  return element_count(&in[kGamma]) == 1 || op_check_count(in, kGamma, rows, "gamma", why);
}

bool op_check_columns(const bm_op_tensor* in, int cols, bm_op_reason* why) {
  const int found = last_dim(&in[kX]);
  return found == cols || op_refuse(why, "input 0 has %d columns, expected %d", found, cols);
}

bm_ternary op_matrix(const bm_op_tensor* in, int layout, int rows, int cols) {
  const bm_ternary w = {
      .packed = in[kWeights].data,
      .gamma = in[kGamma].data,
      .rows = rows,
      .cols = cols,
      .layout = layout,
      .gamma_per_row = element_count(&in[kGamma]) > 1,
  };
  return w;
}
