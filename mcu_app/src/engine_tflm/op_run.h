/** The BITMAR_* ops on plain tensors, independent of any version of TensorFlow Lite Micro: attributes from
 * the flatbuffer's options, shapes checked, kernels called. ops_tflm.cpp connects it to the interpreter on a
 * board, host_ops.c to the one in the PyPI package. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "bitmar_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { OP_COUNT = 7, OP_MOST_INPUTS = 4, OP_MOST_OUTPUTS = 2 };

typedef struct {
  const char* name;
  int32_t inputs, outputs;
  const char* attributes; /* blank-separated */
} op_kind;

extern const op_kind op_kinds[OP_COUNT];

/** What the options of a node say. `kind` is an index into op_kinds. */
typedef struct {
  int32_t kind;
  int32_t layout, rows, cols, activation, k, heads, width, q_offset, k_offset, v_offset, window, sinks;
} op_attributes;

typedef struct {
  void* data;
  const int* dims;
  int32_t rank;
} op_tensor;

/** Reads and checks the options; 0, or -1: not a map, an attribute missing or out of range, another version.
 */
int32_t op_read(int32_t kind, const uint8_t* options, size_t bytes, op_attributes* attributes);

/** Bytes of scratch for one call (inputs as for op_run; their data is not read); 0: none. */
size_t op_scratch(const op_attributes* attributes, const op_tensor* inputs);

/** Checks the shapes and runs the op. */
bm_status op_run(const op_attributes* attributes, const op_tensor* inputs, const op_tensor* outputs,
                 void* scratch, size_t scratch_bytes);

#ifdef __cplusplus
}
#endif
