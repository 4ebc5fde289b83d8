/** The BITMAR_* ops for the TensorFlow Lite Micro interpreter of PyPI's `tflite-micro` package: the same
 * ops/ as on a board, behind a mirror of the interpreter's C structs (x86-64, TF_LITE_STATIC_MEMORY).
 *
 *  Interpreter.from_file(path, custom_op_registerers=["BitmarRegister"]) calls BitmarRegister with the
 * resolver. Its layout is checked before anything is written; of a node only the first four pointers are
 * read. */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "bitmar_ops.h"

typedef struct {
  int size;
  int data[];
} IntArray;

typedef struct {
  void* data;
  IntArray* dims;
  int type;
} EvalTensor;

typedef struct {
  IntArray *inputs, *outputs, *intermediates;
  void* user_data;
} Node;

typedef struct Context Context;

typedef struct {
  void* (*init)(Context*, const char*, size_t);
  void (*free)(Context*, void*);
  int (*prepare)(Context*, Node*);
  int (*invoke)(Context*, Node*);
  void (*reset)(Context*, void*);
  int32_t builtin_code;
  const char* custom_name;
} Registration;

enum { MOST_OPS = 200, CUSTOM = 32, OK = 0, ERROR = 1, MARK = 0x424D4F50 };
enum { FLOAT32 = 1, INT32 = 2, UINT8 = 3 };

typedef struct {
  void* vtable;
  Registration registrations[MOST_OPS];
  unsigned count;
  int32_t builtin_codes[MOST_OPS];
  void* parsers[MOST_OPS];
  unsigned builtin_count;
} Resolver;

typedef struct {
  uint32_t mark;
  bm_op op; /* kind -1: refused */
} NodeData;

static EvalTensor* (*get_eval_tensor)(const Context*, int);
static void* (*allocate)(Context*, size_t);
static uint8_t scratch[1 << 16];

static void* symbol(const char* const* names, size_t count) {
  for (size_t i = 0; i < count; i++) {
    void* found = dlsym(RTLD_DEFAULT, names[i]);
    if (found) return found;
  }
  return NULL;
}

static int refuse(int kind, const char* reason) {
  fprintf(stderr, "%s: %s\n", bm_op_name(kind), reason);
  return ERROR;
}

static void* init(int kind, Context* context, const char* options, size_t bytes) {
  NodeData* data = allocate(context, sizeof *data);
  if (!data) return NULL;
  data->mark = MARK;
  bm_op_reason why;
  if (!bm_op_read(kind, options, bytes, &data->op, &why)) {
    refuse(kind, why.text);
    data->op.kind = -1;
  }
  return data;
}

/* As much as an eval tensor tells. Before memory is planned only constants have data; which of the others are
 * variable it does not say. */
static void read_tensors(const Context* context, const IntArray* indices, bm_op_tensor* tensors) {
  for (int i = 0; i < indices->size; i++) {
    const EvalTensor* t = get_eval_tensor(context, indices->data[i]);
    tensors[i] = (bm_op_tensor){
        .data = t->data,
        .dims = t->dims->data,
        .rank = t->dims->size,
        .bytes = BM_OP_ANY_BYTES,
        .type = t->type == FLOAT32 ? 'f'
                : t->type == INT32 ? 'i'
                : t->type == UINT8 ? 'u'
                                   : '?',
        .constant = t->data != NULL,
        .variable = t->data == NULL,
    };
  }
}

static int prepare(Context* context, Node* node) {
  const NodeData* data = node->user_data;
  if (!data || data->mark != MARK || data->op.kind < 0) return ERROR;
  const int kind = data->op.kind;
  bm_op_reason why;
  if (!bm_op_check_arity(kind, node->inputs->size, node->outputs->size, &why)) return refuse(kind, why.text);
  bm_op_tensor in[BM_OP_MOST_INPUTS] = {{0}}, out[BM_OP_MOST_OUTPUTS];
  bm_op_plan plan;
  read_tensors(context, node->inputs, in);
  read_tensors(context, node->outputs, out);
  if (!bm_op_check(&data->op, in, out, &plan, &why) || !bm_op_check_outputs(&data->op, &plan, out, &why))
    return refuse(kind, why.text);
  return plan.scratch_bytes <= sizeof scratch ? OK : refuse(kind, "needs more scratch than there is");
}

static int invoke(Context* context, Node* node) {
  const NodeData* data = node->user_data;
  bm_op_tensor in[BM_OP_MOST_INPUTS] = {{0}}, out[BM_OP_MOST_OUTPUTS];
  read_tensors(context, node->inputs, in);
  read_tensors(context, node->outputs, out);
  const bm_status status = bm_op_run(&data->op, in, out, scratch, sizeof scratch);
  return status == BM_OK ? OK : refuse(data->op.kind, bm_status_text(status));
}

/* the interpreter does not tell init which op it is for: one function each */
#define BM_OP(NAME, name, version, inputs, outputs, attributes)                   \
  static void* init_##name(Context* context, const char* options, size_t bytes) { \
    return init(BM_OP_##NAME, context, options, bytes);                           \
  }
#include "bitmar_ops.def"
#undef BM_OP

static void* (*const inits[BM_OP_COUNT])(Context*, const char*, size_t) = {
#define BM_OP(NAME, name, version, inputs, outputs, attributes) init_##name,
#include "bitmar_ops.def"
#undef BM_OP
};

static bool layout_is_known(const Resolver* resolver) {
  if (resolver->count == 0 || resolver->count + BM_OP_COUNT > MOST_OPS ||
      resolver->builtin_count > resolver->count)
    return false;
  unsigned builtins = 0;
  for (unsigned i = 0; i < resolver->count; i++) {
    const Registration* r = &resolver->registrations[i];
    if (!r->invoke || r->builtin_code < 0 || r->builtin_code > 300) return false;
    if ((r->builtin_code == CUSTOM) != (r->custom_name != NULL)) return false;
    if (r->builtin_code != CUSTOM && resolver->builtin_codes[builtins++] != r->builtin_code) return false;
  }
  return true;
}

bool BitmarRegister(Resolver* resolver) {
  static const char* const tensor_names[] = {
      "_ZN6tflite5micro25MicroContextGetEvalTensorEPKNS0_13TfLiteContextEi",
      "_ZN6tflite25MicroContextGetEvalTensorEPKNS_5micro13TfLiteContextEi",
      "_ZN6tflite25MicroContextGetEvalTensorEPK13TfLiteContexti"};
  static const char* const allocate_names[] = {
      "_ZN6tflite5micro36MicroContextAllocatePersistentBufferEPNS0_13TfLiteContextEm",
      "_ZN6tflite36MicroContextAllocatePersistentBufferEPNS_5micro13TfLiteContextEm",
      "_ZN6tflite36MicroContextAllocatePersistentBufferEP13TfLiteContextm"};
  *(void**)&get_eval_tensor = symbol(tensor_names, 3);
  *(void**)&allocate = symbol(allocate_names, 3);
  if (!get_eval_tensor || !allocate || !layout_is_known(resolver)) {
    fprintf(stderr, "this release of tflite-micro is laid out in another way\n");
    return false;
  }
  for (unsigned i = 0; i < resolver->count; i++)
    if (resolver->registrations[i].custom_name &&
        !strcmp(resolver->registrations[i].custom_name, bm_op_name(0)))
      return true;
  for (int kind = 0; kind < BM_OP_COUNT; kind++) {
    const Registration registration = {inits[kind], NULL, prepare, invoke, NULL, CUSTOM, bm_op_name(kind)};
    resolver->registrations[resolver->count++] = registration;
  }
  return true;
}
