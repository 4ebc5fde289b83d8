/* libFuzzer on the whole way of a node: any options, shapes, types and flags are refused with a reason or run
 * without a finding. An input is a header of kHeader bytes (below) and the node's options. */
#include <limits.h>

#include "node.h"

enum { kKind, kFlags, kRanks, kTypes = kRanks + 4, kDims = kTypes + 6, kHeader = kDims + 4 * 3 };

#define BM_OP(NAME, name, version, inputs, outputs, attributes) {inputs, outputs},
static const char* const kLetters[][2] = {
#include "bitmar_ops.def"
};
#undef BM_OP

/* Most dimensions are small; the rest are those that break arithmetic. */
static int dim(uint8_t byte) {
  static const int kWild[] = {-1, INT_MIN, INT_MAX, INT_MAX / 4, 65535, 65536, 65537, 1 << 20};
  return byte < 248 ? byte : kWild[byte - 248];
}

/* 0: what the op wants */
static char type(uint8_t byte, char wanted) { return byte == 0 ? wanted : byte == 255 ? 0 : (char)byte; }

/* In memory of their own, with nothing readable behind them. */
static bool read_options(const uint8_t* data, size_t size, int kind, bm_op* op, bm_op_reason* why) {
  uint8_t* options = malloc(size ? size : 1);
  memcpy(options, data, size);
  const bool read = bm_op_read(kind, options, size, op, why);
  free(options);
  return read;
}

/* A byte for each attribute, past the reader: any values that it could have read. */
static bool take_values(const uint8_t* data, size_t size, int kind, bm_op* op) {
  op->kind = kind;
  for (size_t i = 1; i < BM_OP_MOST_OPTIONS; i++)
    op->options.values[i] = i <= size ? dim(data[i - 1]) & INT_MAX : 0;
  return true;
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < kHeader) return 0;
  const int kind = data[kKind] % BM_OP_COUNT;
  const char *inputs = kLetters[kind][0], *outputs = kLetters[kind][1];
  test_node node;
  bm_op_reason why = {""};
  bm_op_plan plan;
  memset(&node, 0, sizeof node);

  const bool read = data[kFlags] & 16 ? take_values(data + kHeader, size - kHeader, kind, &node.op)
                                      : read_options(data + kHeader, size - kHeader, kind, &node.op, &why);
  for (int i = 0; inputs[i]; i++) {
    bm_op_tensor* t = &node.in[i];
    for (int d = 0; d <= BM_OP_MOST_RANK; d++) node.dims[i][d] = d < 3 ? dim(data[kDims + 3 * i + d]) : 1;
    t->dims = data[kFlags] & 1 ? NULL : node.dims[i];
    t->rank = data[kRanks + i] % (BM_OP_MOST_RANK + 2);
    t->type = type(data[kTypes + i], letter(inputs[i]));
    t->bytes = data[kFlags] & 2 ? 64 : BM_OP_ANY_BYTES;
    t->constant = !(data[kFlags] & 4);
    t->variable = !(data[kFlags] & 8);
  }
  for (int i = 0; outputs[i]; i++) node.out[i].type = type(data[kTypes + 4 + i], outputs[i]);

  const bool accepted = read && bm_op_check(&node.op, node.in, node.out, &plan, &why);
  if (accepted)
    run_exactly(&node, inputs, outputs, &plan, data[kFlags]);
  else if (!why.text[0] || !memchr(why.text, 0, sizeof why.text))
    abort();
  return 0;
}
