/** The BITMAR_* ops for the TensorFlow Lite Micro interpreter of PyPI's `tflite-micro` package: the same
 * op_run.c as on a board, behind a mirror of the interpreter's C structs (x86-64, TF_LITE_STATIC_MEMORY).
 *
 *  Interpreter.from_file(path, custom_op_registerers=["BitmarRegister"]) calls BitmarRegister with the
 * resolver. Its layout is checked before anything is written; of a node only the first four pointers are
 * read. */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "op_run.h"

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
  op_attributes attributes;
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

static void* init(int32_t kind, Context* context, const char* options, size_t bytes) {
  NodeData* data = allocate(context, sizeof *data);
  if (!data) return NULL;
  data->mark = MARK;
  if (op_read(kind, (const uint8_t*)options, bytes, &data->attributes) != 0) data->attributes.kind = -1;
  return data;
}

static int prepare(Context* context, Node* node) {
  (void)context;
  const NodeData* data = node->user_data;
  if (!data || data->mark != MARK || data->attributes.kind < 0) return ERROR;
  const op_kind* kind = &op_kinds[data->attributes.kind];
  return node->inputs->size == kind->inputs && node->outputs->size == kind->outputs ? OK : ERROR;
}

static op_tensor plain(const Context* context, int index) {
  const EvalTensor* tensor = get_eval_tensor(context, index);
  const op_tensor result = {tensor->data, tensor->dims->data, tensor->dims->size};
  return result;
}

static int invoke(Context* context, Node* node) {
  const NodeData* data = node->user_data;
  op_tensor inputs[OP_MOST_INPUTS], outputs[OP_MOST_OUTPUTS];
  for (int i = 0; i < node->inputs->size; i++) inputs[i] = plain(context, node->inputs->data[i]);
  for (int i = 0; i < node->outputs->size; i++) outputs[i] = plain(context, node->outputs->data[i]);
  const size_t bytes = op_scratch(&data->attributes, inputs);
  if (bytes > sizeof scratch) return ERROR;
  const bm_status status = op_run(&data->attributes, inputs, outputs, scratch, bytes);
  if (status == BM_OK) return OK;
  fprintf(stderr, "%s: %s\n", op_kinds[data->attributes.kind].name, bm_status_text(status));
  return ERROR;
}

/* the interpreter does not tell init which op it is for: one function each */
#define DEFINE_INIT(kind)                                                         \
  static void* init_##kind(Context* context, const char* options, size_t bytes) { \
    return init(kind, context, options, bytes);                                   \
  }                                                                               \
  _Static_assert(kind < OP_COUNT, "an op too many")

DEFINE_INIT(0);
DEFINE_INIT(1);
DEFINE_INIT(2);
DEFINE_INIT(3);
DEFINE_INIT(4);
DEFINE_INIT(5);
DEFINE_INIT(6);

static void* (*const inits[OP_COUNT])(Context*, const char*, size_t) = {init_0, init_1, init_2, init_3,
                                                                        init_4, init_5, init_6};

static bool layout_is_known(const Resolver* resolver) {
  if (resolver->count == 0 || resolver->count + OP_COUNT > MOST_OPS ||
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
        !strcmp(resolver->registrations[i].custom_name, op_kinds[0].name))
      return true;
  for (int kind = 0; kind < OP_COUNT; kind++) {
    const Registration registration = {inits[kind], NULL, prepare, invoke, NULL, CUSTOM, op_kinds[kind].name};
    resolver->registrations[resolver->count++] = registration;
  }
  return true;
}
