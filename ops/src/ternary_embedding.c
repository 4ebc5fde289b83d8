/* BITMAR_TERNARY_EMBEDDING(ids [n], packed, gamma) -> [n, cols] */
#include "matrix.h"
#include "rules.h"
#include "tensors.h"

bool op_check_ternary_embedding(const bm_op* op, const bm_op_tensor* in, bm_op_plan* plan,
                                bm_op_reason* why) {
  const bm_ternary_embedding_options* o = &op->options.ternary_embedding;
  if (!op_check_matrix(in, o->layout, o->rows, o->cols, why)) return false;
  plan->outputs[0] = (bm_op_shape){2, {element_count(&in[0]), o->cols}};
  return true;
}

bm_status op_run_ternary_embedding(const bm_op* op, const bm_op_tensor* in, const bm_op_tensor* out,
                                   op_scratch scratch) {
  const bm_ternary_embedding_options* o = &op->options.ternary_embedding;
  (void)scratch;
  const bm_ternary w = op_matrix(in, o->layout, o->rows, o->cols);
  return bm_ternary_embedding(&w, in[0].data, element_count(&in[0]), out[0].data);
}
