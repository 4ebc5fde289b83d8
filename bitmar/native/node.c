#include "node.h"

#include <stdlib.h>
#include <string.h>

#include "bitmar_ops.h"
#include "plugin.h"

typedef struct {
  Plugin* plugin;
  bm_op op;
  bm_op runs;       /* the op as it is called: in the layout of `matrix`, if there is one */
  Repacked* matrix; /* takes the place of input 1; or NULL */
  int inputs[BM_OP_MOST_INPUTS], outputs[BM_OP_MOST_OUTPUTS]; /* tensor indices, in the graph's order */
  void* scratch;                                              /* the kernels' work space */
  size_t scratch_bytes;
  bm_op_reason refused; /* found in init, reported by prepare; empty: nothing */
} OpNode;

static TflStatus fail(TflContext* context, const OpNode* node, const char* reason) {
  context->ReportError(context, "bitmar: %s: %s\n", bm_op_name(node->op.kind), reason);
  return kTflError;
}

int node_op(const TflRegistration* registration) {
  return registration->builtin_code == kTflBuiltinCustom ? bm_op_find(registration->custom_name) : -1;
}

/* Keeps what only the original node knows; the reason is in node->refused where it cannot run. */
static void read_node(OpNode* node, const TflNode* original) {
  const int kind = node->op.kind, options_bytes = original->custom_initial_data_size;
  if (!bm_op_check_arity(kind, original->inputs->size, original->outputs->size, &node->refused)) return;
  memset(node->inputs, -1, sizeof node->inputs); /* of one that is left out */
  memcpy(node->inputs, original->inputs->data, sizeof(int) * (size_t)original->inputs->size);
  memcpy(node->outputs, original->outputs->data, sizeof(int) * (size_t)original->outputs->size);
  bm_op_read(kind, original->custom_initial_data, options_bytes > 0 ? (size_t)options_bytes : 0, &node->op,
             &node->refused);
}

/* Runs inside ReplaceNodeSubsetsWithDelegateKernels, the only phase where the original node can be looked at.
 * The order of inputs is the original node's: TflDelegateParams lists them in another one. */
void* node_init(TflContext* context, const char* buffer, size_t length) {
  (void)length;
  const TflDelegateParams* params = (const TflDelegateParams*)(const void*)buffer;
  TflNode* original;
  TflRegistration* registration;
  OpNode* node = calloc(1, sizeof *node);
  if (!node) return NULL;
  if (context->GetNodeAndRegistration(context, params->nodes_to_replace->data[0], &original, &registration)) {
    free(node);
    return NULL;
  }
  node->op.kind = node_op(registration);
  node->plugin = params->delegate->data_;
  plugin_keep(node->plugin);
  read_node(node, original);
  return node;
}

void node_free(TflContext* context, void* user_data) {
  OpNode* node = user_data;
  if (!node) return;
  Plugin* plugin = node->plugin;
  plugin_forget(plugin, context);
  repacked_release(&plugin->matrices, node->matrix);
  free(node->scratch);
  free(node);
  plugin_release(plugin);
}

static char type_letter(TflType type) {
  return type == kTflFloat32 ? 'f' : type == kTflInt32 ? 'i' : type == kTflUInt8 ? 'u' : '?';
}

/* The tensors as ops/ takes them; valid until the runtime moves its tensors: made anew in every call. */
static void read_tensors(const TflContext* context, const int* indices, int count, bm_op_tensor* tensors) {
  memset(tensors, 0, sizeof *tensors * (size_t)count);
  for (int i = 0; i < count; ++i) {
    if (indices[i] < 0 || (size_t)indices[i] >= context->tensors_size) continue;
    const TflTensor* t = &context->tensors[indices[i]];
    tensors[i] = (bm_op_tensor){
        .data = t->data.raw,
        .dims = t->dims ? t->dims->data : NULL,
        .rank = t->dims ? t->dims->size : 0,
        .bytes = t->allocation_type == kTflDynamic ? BM_OP_ANY_BYTES : t->bytes,
        .type = type_letter(t->type),
        .constant = t->allocation_type == kTflMmapRo || t->allocation_type == kTflPersistentRo,
        .variable = t->is_variable,
    };
  }
}

typedef struct {
  bm_op_tensor in[BM_OP_MOST_INPUTS], out[BM_OP_MOST_OUTPUTS];
} Tensors;

static Tensors tensors_of(const TflContext* context, const OpNode* node) {
  Tensors tensors;
  read_tensors(context, node->inputs, bm_op_inputs(node->op.kind), tensors.in);
  read_tensors(context, node->outputs, bm_op_outputs(node->op.kind), tensors.out);
  return tensors;
}

static TflStatus resize_output(TflContext* context, const OpNode* node, int i, const bm_op_shape* shape) {
  const size_t bytes = sizeof(int) * (size_t)shape->rank;
  TflIntArray* dims = malloc(sizeof *dims + bytes); /* the runtime frees it */
  if (!dims) return fail(context, node, "out of memory");
  dims->size = shape->rank;
  memcpy(dims->data, shape->dims, bytes);
  return context->ResizeTensor(context, &context->tensors[node->outputs[i]], dims);
}

/* The embedding is left alone: it reads few rows. */
static void repack(OpNode* node, const bm_op_tensor* in) {
  bm_ternary w = {.packed = in[1].data, .gamma = in[2].data};
  int* layout = NULL;
  node->runs = node->op;
  if (node->op.kind == BM_OP_TERNARY_FC) {
    const bm_ternary_fc_options* o = &node->op.options.ternary_fc;
    w.rows = o->rows, w.cols = o->cols, w.layout = o->layout;
    layout = &node->runs.options.ternary_fc.layout;
  } else if (node->op.kind == BM_OP_TERNARY_TOPK) {
    const bm_ternary_topk_options* o = &node->op.options.ternary_topk;
    w.rows = o->rows, w.cols = o->cols, w.layout = o->layout;
    layout = &node->runs.options.ternary_topk.layout;
  } else if (node->op.kind == BM_OP_TERNARY_CLASS_TOPK) {
    const bm_ternary_class_topk_options* o = &node->op.options.ternary_class_topk;
    w.rows = o->rows, w.cols = o->cols, w.layout = o->layout;
    layout = &node->runs.options.ternary_class_topk.layout;
  }
  if (!layout || !w.packed) return;
  Repacked* former = node->matrix;
  node->matrix = repacked_take(&node->plugin->matrices, &w);
  repacked_release(&node->plugin->matrices, former);
  if (node->matrix) *layout = BM_LAYOUT_RM2;
}

TflStatus node_prepare(TflContext* context, TflNode* tfl_node) {
  OpNode* node = tfl_node->user_data;
  if (!node) {
    context->ReportError(context, "bitmar: out of memory\n");
    return kTflError;
  }
  if (node->refused.text[0]) return fail(context, node, node->refused.text);
  const Tensors tensors = tensors_of(context, node);
  bm_op_plan plan;
  bm_op_reason why;
  if (!bm_op_check(&node->op, tensors.in, tensors.out, &plan, &why)) return fail(context, node, why.text);
  repack(node, tensors.in);
  if (plan.most_scratch > node->scratch_bytes) {
    void* grown = realloc(node->scratch, plan.most_scratch);
    if (!grown) return fail(context, node, "out of memory");
    node->scratch = grown;
    node->scratch_bytes = plan.most_scratch;
  }
  for (int i = 0; i < bm_op_outputs(node->op.kind); ++i) {
    const TflStatus status = resize_output(context, node, i, &plan.outputs[i]);
    if (status != kTflOk) return status;
  }
  return kTflOk;
}

TflStatus node_invoke(TflContext* context, TflNode* tfl_node) {
  const OpNode* node = tfl_node->user_data;
  Tensors tensors = tensors_of(context, node);
  if (node->matrix) tensors.in[1].data = repacked_bytes(node->matrix);
  const bm_status status =
      bm_op_run(&node->runs, tensors.in, tensors.out, node->scratch, node->scratch_bytes);
  return status == BM_OK ? kTflOk : fail(context, node, bm_status_text(status));
}
