/* Each op on a sound node, then with each of its shapes, types, flags and attributes broken one at a time:
 * one line a case with what came of it. test_ops.py reads them. */
#include <limits.h>
#include <stdio.h>

#include "node.h"

typedef struct {
  int values[BM_OP_MOST_OPTIONS]; /* version and attributes */
  int dims[BM_OP_MOST_INPUTS][3]; /* 0: no such dimension */
} sound_node;

static const sound_node kSound[BM_OP_COUNT] = {
    [BM_OP_TERNARY_FC] = {{1, BM_LAYOUT_B3, 20, 8, 0}, {{3, 8}, {32}, {1}, {3}}},
    [BM_OP_TERNARY_EMBEDDING] = {{1, BM_LAYOUT_B3, 20, 8}, {{5}, {32}, {20}}},
    [BM_OP_TERNARY_TOPK] = {{1, BM_LAYOUT_RM2, 20, 8, 3}, {{1, 8}, {40}, {1}}},
    [BM_OP_RMS_NORM] = {{1}, {{2, 3, 6}, {6}, {6}}},
    [BM_OP_ATTENTION] = {{1, 2, 6, 1, 0, 6}, {{4, 7}, {5, 12}, {5}, {4}}},
    [BM_OP_CACHED_ATTENTION] = {{1, 2, 6, 5, 2}, {{1, 18}, {1}, {5, 6}, {5, 6}}},
    [BM_OP_MEMORY_READ] = {{1}, {{4}, {4, 6}, {4}, {1}}},
    [BM_OP_TERNARY_CLASS_TOPK] = {{1, BM_LAYOUT_RM2, 20, 8, 3, 7, 5}, {{1, 8}, {40}, {1}, {1, 3}}},
    [BM_OP_CACHED_ATTENTION_INT8] = {{1, 2, 6, 5, 2}, {{1, 18}, {1}, {5, 14}, {5, 14}}},
};

#define BM_OP(NAME, name, version, inputs, outputs, attributes) inputs,
static const char* const kInputs[] = {
#include "bitmar_ops.def"
};
#undef BM_OP
#define BM_OP(NAME, name, version, inputs, outputs, attributes) outputs,
static const char* const kOutputs[] = {
#include "bitmar_ops.def"
};
#undef BM_OP
#define BM_ATTR(name) +1
#define BM_OP(NAME, name, version, inputs, outputs, attributes) 0 attributes,
static const int kAttributes[] = {
#include "bitmar_ops.def"
};
#undef BM_OP
#undef BM_ATTR

static test_node node;
static int kind;

static void make_sound(void) {
  memset(&node, 0, sizeof node);
  node.op.kind = kind;
  memcpy(node.op.options.values, kSound[kind].values, sizeof node.op.options.values);
  for (int i = 0; kInputs[kind][i]; i++) {
    bm_op_tensor* t = &node.in[i];
    memcpy(node.dims[i], kSound[kind].dims[i], sizeof kSound[kind].dims[i]);
    while (t->rank < 3 && node.dims[i][t->rank]) t->rank++;
    t->dims = node.dims[i];
    t->type = letter(kInputs[kind][i]);
    t->bytes = BM_OP_ANY_BYTES;
    t->constant = strncmp(bm_op_name(kind), "BITMAR_TERNARY", 14) == 0 && (i == 1 || i == 2);
    t->variable = (kind == BM_OP_CACHED_ATTENTION || kind == BM_OP_CACHED_ATTENTION_INT8) && i > 1;
  }
  for (int i = 0; kOutputs[kind][i]; i++) node.out[i].type = kOutputs[kind][i];
}

/* Prints what becomes of the node and makes it sound again. */
static void report(const char* side, int i, const char* what, int value) {
  bm_op_reason why;
  bm_op_plan plan;
  printf("%s|%s %d %s %d|", bm_op_name(kind) + 7, side, i, what, value);
  if (bm_op_check(&node.op, node.in, node.out, &plan, &why)) {
    printf("runs|%s\n", run_exactly(&node, kInputs[kind], kOutputs[kind], &plan, 1));
  } else {
    printf("refused|%s\n", why.text);
  }
  make_sound();
}

static void break_input(int i) {
  static const char kTypes[] = {'f', 'i', 'u', '?', 0};
  bm_op_tensor* t = &node.in[i];
  for (int k = 0; k < 5; k++) {
    if (kTypes[k] == t->type) continue;
    t->type = kTypes[k];
    report("input", i, "type", kTypes[k]);
  }
  t->dims = NULL, report("input", i, "no dims", 0);
  t->rank = 0, report("input", i, "rank", 0);
  t->rank = BM_OP_MOST_RANK + 1, report("input", i, "rank", BM_OP_MOST_RANK + 1);
  for (int d = 0; d < t->rank; d++) {
    const int whole = node.dims[i][d], wrong[] = {0, -1, INT_MIN, whole - 1, whole + 1, INT_MAX};
    for (int k = 0; k < 6; k++) {
      if (k == 3 && whole == 1) continue;
      node.dims[i][d] = wrong[k];
      char what[] = "dim 0 is";
      what[4] = (char)('0' + d);
      report("input", i, what, wrong[k]);
    }
  }
  const size_t bytes = bytes_of(t->type, t->dims, t->rank);
  t->bytes = bytes - 1, report("input", i, "bytes", (int)bytes - 1);
  t->bytes = bytes + 1, report("input", i, "bytes", (int)bytes + 1);
  t->bytes = bytes, report("input", i, "bytes", (int)bytes);
  if (t->constant) t->constant = false, report("input", i, "constant", 0);
  if (t->variable) t->variable = false, report("input", i, "variable", 0);
}

int main(void) {
  for (kind = 0; kind < BM_OP_COUNT; kind++) {
    make_sound();
    report("sound", 0, "", 0);
    for (int i = 0; kInputs[kind][i]; i++) break_input(i);
    for (int i = 0; kOutputs[kind][i]; i++) {
      node.out[i].type = '?', report("output", i, "type", '?');
      node.out[i].type = 0, report("output", i, "type", 0);
    }
    for (int a = 1; a <= kAttributes[kind]; a++) {
      const int whole = node.op.options.values[a], wrong[] = {0, whole - 1, whole + 1, INT_MAX};
      for (int k = 0; k < 4; k++) {
        if (wrong[k] < 0 || wrong[k] == whole) continue; /* bm_op_read lets no negative number through */
        node.op.options.values[a] = wrong[k];
        report("attribute", a, "is", wrong[k]);
      }
    }
  }
  return 0;
}
