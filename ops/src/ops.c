/* bm_op_check and bm_op_run: what is the same for every op, around the one's own rules. */
#include <string.h>

#include "reason.h"
#include "rules.h"
#include "table.h"
#include "tensors.h"

static const struct {
  bool (*check)(const bm_op*, const bm_op_tensor* in, bm_op_plan*, bm_op_reason*);
  bm_status (*run)(const bm_op*, const bm_op_tensor* in, const bm_op_tensor* out, op_scratch);
} kRules[BM_OP_COUNT] = {
#define BM_OP(NAME, name, version, inputs, outputs, attributes) {op_check_##name, op_run_##name},
#include "bitmar_ops.def"
#undef BM_OP
};

bool bm_op_check_arity(int kind, int inputs, int outputs, bm_op_reason* why) {
  const int expected_inputs = bm_op_inputs(kind), expected_outputs = bm_op_outputs(kind);
  const int least = expected_inputs - op_optional(op_table[kind].inputs[expected_inputs - 1]);
  if (inputs >= least && inputs <= expected_inputs && outputs == expected_outputs) return true;
  return op_refuse(why, "%d inputs and %d outputs, expected %d and %d", inputs, outputs, expected_inputs,
                   expected_outputs);
}

bool bm_op_check(const bm_op* op, const bm_op_tensor* in, const bm_op_tensor* out, bm_op_plan* plan,
                 bm_op_reason* why) {
  const op_entry* entry = &op_table[op->kind];
  for (int i = 0; entry->inputs[i]; ++i) {
    const char letter = entry->inputs[i];
    if (op_optional(letter) && !in[i].type) continue;
    if (!op_check_input(in, i, op_optional(letter) ? (char)(letter - 'A' + 'a') : letter, why)) return false;
  }
  for (int i = 0; entry->outputs[i]; ++i) {
    if (!op_check_output(out, i, entry->outputs[i], why)) return false;
  }
  memset(plan, 0, sizeof *plan);
  if (!kRules[op->kind].check(op, in, plan, why)) return false;
  if (plan->most_scratch < plan->scratch_bytes) plan->most_scratch = plan->scratch_bytes;
  for (int i = 0; entry->outputs[i]; ++i) {
    if (op_shape_count(&plan->outputs[i]) < 0) return op_refuse(why, "output %d would have 2 GB or more", i);
  }
  return true;
}

bool bm_op_check_outputs(const bm_op* op, const bm_op_plan* plan, const bm_op_tensor* out,
                         bm_op_reason* why) {
  for (int i = 0; op_table[op->kind].outputs[i]; ++i) {
    bm_op_shape found = {.rank = out[i].rank};
    if (found.rank < 0 || found.rank > BM_OP_MOST_RANK)
      return op_refuse(why, "output %d has %d dimensions", i, found.rank);
    memcpy(found.dims, out[i].dims, sizeof(int) * (size_t)found.rank);
    const long long count = op_shape_count(&found), expected = op_shape_count(&plan->outputs[i]);
    if (count != expected)
      return op_refuse(why, "output %d has %lld elements, expected %lld", i, count, expected);
  }
  return true;
}

bm_status bm_op_run(const bm_op* op, const bm_op_tensor* in, const bm_op_tensor* out, void* scratch,
                    size_t scratch_bytes) {
  const op_entry* entry = &op_table[op->kind];
  for (int i = 0; entry->inputs[i]; ++i) {
    if (!in[i].data && !op_optional(entry->inputs[i])) return BM_ERR_NULL;
  }
  for (int i = 0; entry->outputs[i]; ++i) {
    if (!out[i].data) return BM_ERR_NULL;
  }
  const op_scratch memory = {scratch, scratch_bytes};
  return kRules[op->kind].run(op, in, out, memory);
}
