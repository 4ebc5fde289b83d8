/* Sizes of a tensor whose shape has been checked, and the checks that several ops share. Each check returns
 * false with its reason. */
#ifndef BITMAR_OPS_TENSORS_H_
#define BITMAR_OPS_TENSORS_H_

#include "bitmar_ops.h"

static inline int last_dim(const bm_op_tensor* t) { return t->dims[t->rank - 1]; }

/* Product of all dimensions but the last. */
static inline int row_count(const bm_op_tensor* t) {
  int rows = 1;
  for (int i = 0; i + 1 < t->rank; ++i) rows *= t->dims[i];
  return rows;
}

static inline int element_count(const bm_op_tensor* t) { return row_count(t) * last_dim(t); }

/* Input i has the type `letter`, 1 to BM_OP_MOST_RANK dimensions, less than 2 GB and as many bytes as its
 * shape needs: after this the functions above are safe. */
bool op_check_input(const bm_op_tensor* in, int i, char letter, bm_op_reason* why);

/* Output i exists and has the type `letter`. */
bool op_check_output(const bm_op_tensor* out, int i, char letter, bm_op_reason* why);

/* Input i is part of the model's file. */
bool op_check_constant(const bm_op_tensor* in, int i, bm_op_reason* why);

/* Input i, called `what`, holds `count` elements. */
bool op_check_count(const bm_op_tensor* in, int i, long long count, const char* what, bm_op_reason* why);

/* Elements of a shape; -1 if they are 2 GB or more of four-byte numbers. */
long long op_shape_count(const bm_op_shape* shape);

#endif
