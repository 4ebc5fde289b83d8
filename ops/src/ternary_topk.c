/* BITMAR_TERNARY_TOPK(x [1, cols], packed, gamma) -> ids [k], logits [k] */
#include "matrix.h"
#include "reason.h"
#include "rules.h"
#include "tensors.h"

bool op_check_ternary_topk(const bm_op* op, const bm_op_tensor* in, bm_op_plan* plan, bm_op_reason* why) {
  const bm_ternary_topk_options* o = &op->options.ternary_topk;
  if (!op_check_matrix(in, o->layout, o->rows, o->cols, why)) return false;
  if (!op_check_columns(in, o->cols, why) || !op_check_count(in, 0, o->cols, "x", why)) return false;
  if (o->k < 1 || o->k > o->rows) return op_refuse(why, "k is %d, expected 1 to %d", o->k, o->rows);
  plan->outputs[0] = plan->outputs[1] = (bm_op_shape){1, {o->k}};
  plan->scratch_bytes = BM_TOKEN_BYTES(o->cols);
  return true;
}

bm_status op_run_ternary_topk(const bm_op* op, const bm_op_tensor* in, const bm_op_tensor* out,
                              op_scratch scratch) {
  const bm_ternary_topk_options* o = &op->options.ternary_topk;
  const bm_ternary w = op_matrix(in, o->layout, o->rows, o->cols);
  return bm_ternary_topk(&w, in[0].data, o->k, out[0].data, out[1].data, scratch.memory, scratch.bytes);
}
