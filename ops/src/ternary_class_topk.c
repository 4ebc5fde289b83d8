/* BITMAR_TERNARY_CLASS_TOPK(x [1, cols], packed, gamma, class_logits [1, classes]) -> ids [k], logits [k] */
#include "matrix.h"
#include "reason.h"
#include "rules.h"
#include "tensors.h"

enum { kClassLogits = 3 };

bool op_check_ternary_class_topk(const bm_op* op, const bm_op_tensor* in, bm_op_plan* plan,
                                 bm_op_reason* why) {
  const bm_ternary_class_topk_options* o = &op->options.ternary_class_topk;
  if (!op_check_matrix(in, o->layout, o->rows, o->cols, why)) return false;
  if (!op_check_columns(in, o->cols, why) || !op_check_count(in, 0, o->cols, "x", why)) return false;
  if (o->shortlist < 1 || o->shortlist >= o->rows) {
    return op_refuse(why, "shortlist is %d, expected 1 to %d", o->shortlist, o->rows - 1);
  }
  if (o->class_words < 1) return op_refuse(why, "class_words is %d, expected at least 1", o->class_words);
  if (o->k < 1 || o->k > o->shortlist) {
    return op_refuse(why, "k is %d, expected 1 to the shortlist's %d", o->k, o->shortlist);
  }
  const int classes = (o->rows - o->shortlist - 1) / o->class_words + 1;
  if (!op_check_count(in, kClassLogits, classes, "class logits", why)) return false;
  plan->outputs[0] = plan->outputs[1] = (bm_op_shape){1, {o->k}};
  plan->scratch_bytes = BM_TOKEN_BYTES(o->cols);
  return true;
}

bm_status op_run_ternary_class_topk(const bm_op* op, const bm_op_tensor* in, const bm_op_tensor* out,
                                    op_scratch scratch) {
  const bm_ternary_class_topk_options* o = &op->options.ternary_class_topk;
  const bm_ternary w = op_matrix(in, o->layout, o->rows, o->cols);
  const bm_word_classes classes = {o->shortlist, o->class_words};
  return bm_ternary_class_topk(&w, in[0].data, &classes, in[kClassLogits].data, o->k, out[0].data,
                               out[1].data, scratch.memory, scratch.bytes);
}
