/* BITMAR_TERNARY_FC(x [..., cols], packed, gamma, used [...]) -> [..., rows] */
#include <string.h>

#include "matrix.h"
#include "reason.h"
#include "rules.h"
#include "tensors.h"
#include "used.h"

enum { kTokensPerPass = 8 }; /* more tokens that share one pass over the weights make it no faster */

bool op_check_ternary_fc(const bm_op* op, const bm_op_tensor* in, bm_op_plan* plan, bm_op_reason* why) {
  const bm_ternary_fc_options* o = &op->options.ternary_fc;
  if (!op_check_matrix(in, o->layout, o->rows, o->cols, why)) return false;
  if (!op_check_columns(in, o->cols, why)) return false;
  if (o->activation > BM_ACTIVATION_SQUARED_RELU) {
    return op_refuse(why, "activation %d, expected 0 or 1", o->activation);
  }
  if (!op_check_used(in, 3, row_count(&in[0]), why)) return false;
  bm_op_shape* y = &plan->outputs[0];
  y->rank = in[0].rank;
  memcpy(y->dims, in[0].dims, sizeof(int) * (size_t)y->rank);
  y->dims[y->rank - 1] = o->rows;
  const int tokens = row_count(&in[0]);
  plan->scratch_bytes = BM_TOKEN_BYTES(o->cols);
  plan->most_scratch = (size_t)(tokens < kTokensPerPass ? tokens : kTokensPerPass) * BM_TOKEN_BYTES(o->cols);
  return true;
}

bm_status op_run_ternary_fc(const bm_op* op, const bm_op_tensor* in, const bm_op_tensor* out,
                            op_scratch scratch) {
  const bm_ternary_fc_options* o = &op->options.ternary_fc;
  const bm_ternary w = op_matrix(in, o->layout, o->rows, o->cols);
  const int used = op_used_rows(&in[3], row_count(&in[0]), o->rows, out[0].data);
  if (used == 0) return BM_OK;
  return bm_ternary_fc(&w, in[0].data, used, o->activation, out[0].data, scratch.memory, scratch.bytes);
}
