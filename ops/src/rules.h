/* The files of ops/, one an op: what it takes (check) and the call of its kernel (run). ops.c has tested
 * types, dimensions and sizes of the inputs before check, and that there is data before run. */
#ifndef BITMAR_OPS_RULES_H_
#define BITMAR_OPS_RULES_H_

#include "bitmar_ops.h"

typedef struct op_scratch {
  void* memory;
  size_t bytes;
} op_scratch;

#define BM_OP(NAME, name, version, inputs, outputs, attributes)                                       \
  bool op_check_##name(const bm_op* op, const bm_op_tensor* in, bm_op_plan* plan, bm_op_reason* why); \
  bm_status op_run_##name(const bm_op* op, const bm_op_tensor* in, const bm_op_tensor* out,           \
                          op_scratch scratch);
#include "bitmar_ops.def"
#undef BM_OP

#endif
