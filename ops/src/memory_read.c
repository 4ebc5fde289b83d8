/* BITMAR_MEMORY_READ(scores [k], values [k, D], mask [k], temperature [1]) -> [1, D] */
#include "rules.h"
#include "tensors.h"

bool op_check_memory_read(const bm_op* op, const bm_op_tensor* in, bm_op_plan* plan, bm_op_reason* why) {
  (void)op;
  const int slots = row_count(&in[1]);
  if (!op_check_count(in, 0, slots, "scores", why) || !op_check_count(in, 2, slots, "mask", why) ||
      !op_check_count(in, 3, 1, "temperature", why)) {
    return false;
  }
  plan->outputs[0] = (bm_op_shape){2, {1, last_dim(&in[1])}};
  return true;
}

bm_status op_run_memory_read(const bm_op* op, const bm_op_tensor* in, const bm_op_tensor* out,
                             op_scratch scratch) {
  (void)op, (void)scratch;
  return bm_memory_read(in[0].data, in[1].data, in[2].data, *(const float*)in[3].data, row_count(&in[1]),
                        last_dim(&in[1]), out[0].data);
}
