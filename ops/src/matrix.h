/* The packed ternary matrix of an op: input 1 holds its bytes, input 2 its scale. */
#ifndef BITMAR_OPS_MATRIX_H_
#define BITMAR_OPS_MATRIX_H_

#include "bitmar_ops.h"

/* Both are constants and as long as [rows, cols] in this layout needs. */
bool op_check_matrix(const bm_op_tensor* in, int layout, int rows, int cols, bm_op_reason* why);

/* Input 0 has `cols` numbers in a row. */
bool op_check_columns(const bm_op_tensor* in, int cols, bm_op_reason* why);

bm_ternary op_matrix(const bm_op_tensor* in, int layout, int rows, int cols);

#endif
