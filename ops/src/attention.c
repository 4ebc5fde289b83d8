/* BITMAR_ATTENTION(q [T, wq], kv [S, wkv], mask [S], used [T]) -> [T, width] */
#include "heads.h"
#include "reason.h"
#include "rules.h"
#include "tensors.h"
#include "used.h"

/* `width` columns from `offset` on lie inside input i. */
static bool check_slice(const bm_op_tensor* in, int i, int offset, int width, const char* name,
                        bm_op_reason* why) {
  const int found = last_dim(&in[i]);
  if ((long long)offset + width <= found) return true;
  return op_refuse(why, "%s at %d and width %d, but input %d has %d columns", name, offset, width, i, found);
}

bool op_check_attention(const bm_op* op, const bm_op_tensor* in, bm_op_plan* plan, bm_op_reason* why) {
  const bm_attention_options* o = &op->options.attention;
  const int keys = row_count(&in[1]);
  if (!op_check_heads(o->heads, o->width, why) ||
      !check_slice(in, 0, o->q_offset, o->width, "queries", why) ||
      !check_slice(in, 1, o->k_offset, o->width, "keys", why) ||
      !check_slice(in, 1, o->v_offset, o->width, "values", why) ||
      !op_check_count(in, 2, keys, "mask", why) || !op_check_used(in, 3, row_count(&in[0]), why)) {
    return false;
  }
  plan->outputs[0] = (bm_op_shape){2, {row_count(&in[0]), o->width}};
  plan->scratch_bytes = BM_ATTENTION_BYTES(keys);
  return true;
}

bm_status op_run_attention(const bm_op* op, const bm_op_tensor* in, const bm_op_tensor* out,
                           op_scratch scratch) {
  const bm_attention_options* o = &op->options.attention;
  const int used = op_used_rows(&in[3], row_count(&in[0]), o->width, out[0].data);
  if (used == 0) return BM_OK;
  const bm_attention_shape shape = {
      .queries = used,
      .keys = row_count(&in[1]),
      .q_stride = last_dim(&in[0]),
      .kv_stride = last_dim(&in[1]),
      .heads = o->heads,
      .width = o->width,
      .q_offset = o->q_offset,
      .k_offset = o->k_offset,
      .v_offset = o->v_offset,
  };
  return bm_attention(&shape, in[0].data, in[1].data, in[2].data, out[0].data, scratch.memory, scratch.bytes);
}
