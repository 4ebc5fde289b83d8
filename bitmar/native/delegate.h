/* What the delegate (delegate.c) and the ops (ops.c) share: one claimed node of a graph and its attributes.
 */
#ifndef BITMAR_DELEGATE_H_
#define BITMAR_DELEGATE_H_

#include "tfl_abi.h"

enum { kMaxInputs = 4, kMaxOutputs = 2 };

/* Integer attributes of all ops; each op reads the ones that its OpDef names. */
typedef struct {
  int layout, rows, cols, activation, k;
  int heads, width, q_offset, k_offset, v_offset;
  int window, sinks;
} Attrs;

typedef struct OpDef OpDef;
typedef struct Plugin Plugin;

typedef struct OpNode {
  Plugin* plugin;
  const OpDef* def;
  int inputs[kMaxInputs], outputs[kMaxOutputs]; /* tensor indices, in the graph's order */
  Attrs attrs;
  void* scratch; /* the kernels' work space, allocated in prepare */
  size_t scratch_bytes;
  char error[160]; /* why the node cannot run; found in init, reported by prepare */
} OpNode;

/* An op of the flatbuffers. prepare checks types and shapes and sizes the outputs, invoke runs the kernel. */
struct OpDef {
  const char* name;
  int n_inputs, n_outputs;
  const char* attrs; /* names, separated by blanks */
  TflStatus (*prepare)(TflContext*, OpNode*);
  TflStatus (*invoke)(TflContext*, OpNode*);
};

/* The op of that name, or NULL. */
const OpDef* find_op(const char* name);

/* Reads and checks the attributes of an op's options; on failure writes the reason to node->error. */
void read_attrs(OpNode* node, const void* options, int options_size);

/* Reports "bitmar: <op>: <message>" to the runtime, which raises it; returns kTflError. */
TflStatus fail(TflContext* context, const OpNode* node, const char* format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
