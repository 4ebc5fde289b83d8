/* External delegate that runs the BITMAR_* ops in tflite-runtime and ai-edge-litert.
 *
 * Life cycle: the runtime calls tflite_plugin_create_delegate, then prepare_delegate once per graph; every
 * BITMAR_* node is claimed alone (claimed together, neighbours would be merged and the tensors between them
 * get no memory). A claimed node lives from init_node to free_node; the plugin outlives the last of them,
 * because Python may destroy the delegate before the interpreter. */
#include "delegate.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

struct Plugin {
  TflDelegate base;
  int references; /* the delegate itself and its nodes */
};

static void release(Plugin* plugin) {
  if (__atomic_sub_fetch(&plugin->references, 1, __ATOMIC_ACQ_REL) == 0) free(plugin);
}

TflStatus fail(TflContext* context, const OpNode* node, const char* format, ...) {
  char message[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  context->ReportError(context, "bitmar: %s: %s\n", node->def->name, message);
  return kTflError;
}

static const OpDef* op_of(const TflRegistration* registration) {
  if (registration->builtin_code != kTflBuiltinCustom || !registration->custom_name) return NULL;
  return find_op(registration->custom_name);
}

/* --- one node
 * ------------------------------------------------------------------------------------------------ */

static void copy_indices(OpNode* node, const TflNode* tfl_node) {
  const OpDef* def = node->def;
  if (tfl_node->inputs->size != def->n_inputs || tfl_node->outputs->size != def->n_outputs) {
    snprintf(node->error, sizeof node->error, "%d inputs and %d outputs, expected %d and %d",
             tfl_node->inputs->size, tfl_node->outputs->size, def->n_inputs, def->n_outputs);
    return;
  }
  memcpy(node->inputs, tfl_node->inputs->data, sizeof(int) * (size_t)def->n_inputs);
  memcpy(node->outputs, tfl_node->outputs->data, sizeof(int) * (size_t)def->n_outputs);
}

/* Runs inside ReplaceNodeSubsetsWithDelegateKernels, the only phase where the original node can be looked at.
 * The order of inputs is the original node's: TflDelegateParams lists them in another one. */
static void* init_node(TflContext* context, const char* buffer, size_t length) {
  (void)length;
  const TflDelegateParams* params = (const TflDelegateParams*)(const void*)buffer;
  TflNode* tfl_node;
  TflRegistration* registration;
  OpNode* node = calloc(1, sizeof *node);
  if (!node) return NULL;
  if (context->GetNodeAndRegistration(context, params->nodes_to_replace->data[0], &tfl_node, &registration)) {
    free(node);
    return NULL;
  }
  node->def = op_of(registration);
  node->plugin = params->delegate->data_;
  __atomic_add_fetch(&node->plugin->references, 1, __ATOMIC_RELAXED);
  copy_indices(node, tfl_node);
  if (!node->error[0]) read_attrs(node, tfl_node->custom_initial_data, tfl_node->custom_initial_data_size);
  return node;
}

static void free_node(TflContext* context, void* user_data) {
  (void)context;
  OpNode* node = user_data;
  if (!node) return;
  Plugin* plugin = node->plugin;
  free(node->scratch);
  free(node);
  release(plugin);
}

static TflStatus prepare_node(TflContext* context, TflNode* tfl_node) {
  OpNode* node = tfl_node->user_data;
  if (!node) {
    context->ReportError(context, "bitmar: out of memory\n");
    return kTflError;
  }
  if (node->error[0]) return fail(context, node, "%s", node->error);
  return node->def->prepare(context, node);
}

static TflStatus invoke_node(TflContext* context, TflNode* tfl_node) {
  OpNode* node = tfl_node->user_data;
  return node->def->invoke(context, node);
}

/* --- the delegate
 * -------------------------------------------------------------------------------------------- */

/* The runtime keeps its nodes in a vector of (node, registration) pairs: the distances between the pointers
 * that it hands out are the sizes of its structs. A registration may be shorter than ours (older runtime),
 * except on 32-bit Arm, where the call passes it by value at a fixed size. */
static int sizes_match(size_t node_size, size_t registration_size) {
  if (node_size != sizeof(TflNode)) return 0;
  if (registration_size == 0) return 1; /* a single node: nothing to measure */
  if (sizeof(void*) == 4) return registration_size == sizeof(TflRegistration);
  return registration_size <= sizeof(TflRegistration);
}

static TflStatus check_abi(TflContext* context, const TflIntArray* plan) {
  const char* previous = NULL;
  for (int i = 0; i < plan->size; ++i) {
    TflNode* node;
    TflRegistration* registration;
    if (context->GetNodeAndRegistration(context, plan->data[i], &node, &registration)) return kTflError;
    const size_t node_size = (size_t)((const char*)registration - (const char*)node);
    size_t registration_size = 0;
    if (previous && plan->data[i] == plan->data[i - 1] + 1) {
      registration_size = (size_t)((const char*)node - previous) - node_size;
    }
    previous = (const char*)node;
    if (!sizes_match(node_size, registration_size)) {
      context->ReportError(
          context,
          "bitmar: this runtime's structs are unknown: node %zu bytes (expected %zu), registration "
          "%zu (expected %zu)\n",
          node_size, sizeof(TflNode), registration_size, sizeof(TflRegistration));
      return kTflError;
    }
  }
  return kTflOk;
}

static TflStatus claim_nodes(TflContext* context, TflDelegate* delegate, const TflIntArray* plan) {
  TflRegistration kernel;
  memset(&kernel, 0, sizeof kernel);
  kernel.init = init_node;
  kernel.free = free_node;
  kernel.prepare = prepare_node;
  kernel.invoke = invoke_node;
  kernel.builtin_code = kTflBuiltinDelegate;
  kernel.custom_name = "BitMar";
  kernel.version = 1;
  for (int i = 0; i < plan->size; ++i) {
    TflNode* node;
    TflRegistration* registration;
    if (context->GetNodeAndRegistration(context, plan->data[i], &node, &registration)) return kTflError;
    if (!op_of(registration)) continue;
    const int one[2] = {1, plan->data[i]}; /* a TflIntArray of one element */
    const TflStatus status = context->ReplaceNodeSubsetsWithDelegateKernels(
        context, kernel, (const TflIntArray*)(const void*)one, delegate);
    if (status != kTflOk) return status;
  }
  return kTflOk;
}

static TflStatus prepare_delegate(TflContext* context, TflDelegate* delegate) {
  TflIntArray* plan;
  if (context->GetExecutionPlan(context, &plan)) return kTflError;
  const size_t bytes = sizeof(TflIntArray) + sizeof(int) * (size_t)plan->size;
  TflIntArray* copy = malloc(bytes); /* the runtime reuses its array while nodes are replaced */
  if (!copy) return kTflError;
  memcpy(copy, plan, bytes);
  TflStatus status = check_abi(context, copy);
  if (status == kTflOk) status = claim_nodes(context, delegate, copy);
  free(copy);
  return status;
}

/* Entry points that load_delegate() of both runtimes looks up. No option is known. */
EXPORT TflDelegate* tflite_plugin_create_delegate(char** keys, char** values, size_t count,
                                                  void (*report_error)(const char*)) {
  (void)values;
  if ((count & 0xffffffffu) != 0) { /* Python passes a C int in the register's low half */
    char message[128];
    snprintf(message, sizeof message, "bitmar: unknown option '%s', expected none", keys[0]);
    if (report_error) report_error(message);
    return NULL;
  }
  Plugin* plugin = calloc(1, sizeof *plugin);
  if (!plugin) return NULL;
  plugin->references = 1;
  plugin->base.data_ = plugin;
  plugin->base.Prepare = prepare_delegate;
  plugin->base.flags =
      kTflDelegateAllowDynamicTensors; /* without it the runtime reports an unresolved custom op */
  return &plugin->base;
}

EXPORT void tflite_plugin_destroy_delegate(TflDelegate* delegate) {
  if (delegate) release(delegate->data_); /* NULL after a create that failed */
}
