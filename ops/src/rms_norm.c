/* BITMAR_RMS_NORM(x [..., n], gain [n], used [...]) -> [..., n] */
#include <string.h>

#include "rules.h"
#include "tensors.h"
#include "used.h"

bool op_check_rms_norm(const bm_op* op, const bm_op_tensor* in, bm_op_plan* plan, bm_op_reason* why) {
  (void)op;
  if (!op_check_count(in, 1, last_dim(&in[0]), "gain", why)) return false;
  if (!op_check_used(in, 2, row_count(&in[0]), why)) return false;
  plan->outputs[0].rank = in[0].rank;
  memcpy(plan->outputs[0].dims, in[0].dims, sizeof(int) * (size_t)in[0].rank);
  return true;
}

bm_status op_run_rms_norm(const bm_op* op, const bm_op_tensor* in, const bm_op_tensor* out,
                          op_scratch scratch) {
  (void)op, (void)scratch;
  const int used = op_used_rows(&in[2], row_count(&in[0]), last_dim(&in[0]), out[0].data);
  if (used == 0) return BM_OK;
  return bm_rms_norm(in[0].data, in[1].data, used, last_dim(&in[0]), out[0].data);
}
