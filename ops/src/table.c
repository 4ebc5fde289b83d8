#include "table.h"

#include <string.h>

const op_entry op_table[BM_OP_COUNT] = {
#define BM_ATTR(name) #name,
#define BM_OP(NAME, name, version, inputs, outputs, attributes) \
  {"BITMAR_" #NAME, version, inputs, outputs, {attributes NULL}},
#include "bitmar_ops.def"
#undef BM_OP
#undef BM_ATTR
};

/* every row fits into the arrays of the interface */
#define BM_OP(NAME, name, version, inputs, outputs, attributes)                                          \
  _Static_assert(sizeof(inputs) - 1 <= BM_OP_MOST_INPUTS && sizeof(outputs) - 1 <= BM_OP_MOST_OUTPUTS && \
                     sizeof(((bm_op*)0)->options.name) <= sizeof(((bm_op*)0)->options.values),           \
                 #NAME " has more tensors or attributes than bitmar_ops.h has room for");
#include "bitmar_ops.def"
#undef BM_OP

static bool exists(int kind) { return kind >= 0 && kind < BM_OP_COUNT; }

int bm_op_find(const char* name) {
  for (int kind = 0; name && kind < BM_OP_COUNT; ++kind) {
    if (strcmp(op_table[kind].name, name) == 0) return kind;
  }
  return -1;
}

const char* bm_op_name(int kind) { return exists(kind) ? op_table[kind].name : NULL; }
int bm_op_version(int kind) { return exists(kind) ? op_table[kind].version : 0; }
int bm_op_inputs(int kind) { return exists(kind) ? (int)strlen(op_table[kind].inputs) : 0; }
int bm_op_outputs(int kind) { return exists(kind) ? (int)strlen(op_table[kind].outputs) : 0; }
