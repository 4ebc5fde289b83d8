/* What each BITMAR_* op is, once for every runtime: name, version, tensors and attributes (bitmar_ops.def),
 * the shapes it takes, the scratch it needs, the call of its kernel. docs/custom-ops.md says what it
 * computes.
 *
 * A runtime's wrapper finds the op by name (bm_op_find), reads its options (bm_op_read), checks its tensors
 * when the graph is prepared (bm_op_check) and runs it (bm_op_run). Nothing here allocates, does I/O, keeps
 * state or knows TensorFlow. Options and shapes may come from any file: whatever they say, they are refused
 * with a reason or are safe to run.
 */
#ifndef BITMAR_OPS_H_
#define BITMAR_OPS_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bitmar_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the table ---- */

enum {
  BM_OP_MOST_INPUTS = 4,
  BM_OP_MOST_OUTPUTS = 2,
  BM_OP_MOST_OPTIONS = 7, /* `version` and the attributes */
  BM_OP_MOST_RANK = 8
};

/* BM_OP_TERNARY_FC, ... in the table's order. */
typedef enum bm_op_kind {
#define BM_OP(NAME, name, version, inputs, outputs, attributes) BM_OP_##NAME,
#include "bitmar_ops.def"
#undef BM_OP
  BM_OP_COUNT
} bm_op_kind;

/* The op of that name ("BITMAR_TERNARY_FC"), or -1. */
int bm_op_find(const char* name);

/* Name of the op `kind`; NULL where there is none: so a caller can list them from 0 on. */
const char* bm_op_name(int kind);

/* The version that this build runs; 0 where there is no such op. */
int bm_op_version(int kind);

int bm_op_inputs(int kind); /* those that may be left out too */
int bm_op_outputs(int kind);

/* ---- one node of a graph ---- */

/* Why something was refused: one line of English, which names what was found and what was expected. */
typedef struct bm_op_reason {
  char text[160];
} bm_op_reason;

/* The options of each op: bm_ternary_fc_options, ... */
#define BM_ATTR(name) int name;
#define BM_OP(NAME, name, version_, inputs, outputs, attributes) \
  typedef struct bm_##name##_options {                           \
    int version;                                                 \
    attributes                                                   \
  } bm_##name##_options;
#include "bitmar_ops.def"
#undef BM_OP
#undef BM_ATTR

/* An op with the values of its options. */
typedef struct bm_op {
  int kind; /* bm_op_kind */
  union {
    int values[BM_OP_MOST_OPTIONS]; /* the version, then the attributes in the table's order */
#define BM_OP(NAME, name, version, inputs, outputs, attributes) bm_##name##_options name;
#include "bitmar_ops.def"
#undef BM_OP
  } options;
} bm_op;

/* A tensor as its runtime knows it. bm_op_check does not read `data`, which may be NULL before memory is
 * planned. */
typedef struct bm_op_tensor {
  void* data;
  const int* dims; /* [rank] */
  int rank;
  size_t bytes;  /* of data; BM_OP_ANY_BYTES where the runtime does not say */
  char type;     /* 'f' float32, 'i' int32, 'u' uint8, '?' another; 0: there is no such tensor */
  bool constant; /* part of the model's file */
  bool variable; /* keeps its content between runs */
} bm_op_tensor;

#define BM_OP_ANY_BYTES SIZE_MAX

typedef struct bm_op_shape {
  int rank;
  int dims[BM_OP_MOST_RANK];
} bm_op_shape;

/* What a runtime has to provide for a node. */
typedef struct bm_op_plan {
  bm_op_shape outputs[BM_OP_MOST_OUTPUTS];
  size_t scratch_bytes; /* bm_op_run needs as many; 0: none */
  size_t most_scratch; /* and has no use for more: TERNARY_FC shares its pass over the weights among tokens */
} bm_op_plan;

/* Reads a node's options, a FlexBuffers map, into *op. False with the reason: no such map, another version,
 * an attribute that is missing, no integer, or out of range. */
bool bm_op_read(int kind, const void* options, size_t bytes, bm_op* op, bm_op_reason* why);

/* Has the node as many tensors as its op? To be asked before in[] and out[] below are filled; an input that
 * is left out is all zeros there. */
bool bm_op_check_arity(int kind, int inputs, int outputs, bm_op_reason* why);

/* Checks the inputs (types, shapes, constants, variables) and the outputs' types; *plan gets the shapes of
 * the outputs and the scratch. `in` and `out` have bm_op_inputs and bm_op_outputs entries. */
bool bm_op_check(const bm_op* op, const bm_op_tensor* in, const bm_op_tensor* out, bm_op_plan* plan,
                 bm_op_reason* why);

/* For runtimes that take the outputs' shapes from the file: do they hold as many numbers as the plan says? */
bool bm_op_check_outputs(const bm_op* op, const bm_op_plan* plan, const bm_op_tensor* out, bm_op_reason* why);

/* Calls the op's kernel. The tensors have passed bm_op_check with these shapes; scratch_bytes at least the
 * plan's. BM_ERR_NULL if data is missing; BM_ERR_INDEX for an id or a position outside its range. */
bm_status bm_op_run(const bm_op* op, const bm_op_tensor* in, const bm_op_tensor* out, void* scratch,
                    size_t scratch_bytes);

#ifdef __cplusplus
}
#endif
#endif /* BITMAR_OPS_H_ */
