/* External delegate that runs the BITMAR_* ops in tflite-runtime and ai-edge-litert.
 *
 * Life cycle: the runtime calls tflite_plugin_create_delegate, then prepare_delegate once per graph; every
 * BITMAR_* node is claimed alone (claimed together, neighbours would be merged and the tensors between them
 * get no memory) and lives from node_init to node_free. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node.h"
#include "plugin.h"
#include "tfl_abi.h"

#define EXPORT __attribute__((visibility("default")))

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
  kernel.init = node_init;
  kernel.free = node_free;
  kernel.prepare = node_prepare;
  kernel.invoke = node_invoke;
  kernel.builtin_code = kTflBuiltinDelegate;
  kernel.custom_name = "BitMar";
  kernel.version = 1;
  for (int i = 0; i < plan->size; ++i) {
    TflNode* node;
    TflRegistration* registration;
    if (context->GetNodeAndRegistration(context, plan->data[i], &node, &registration)) return kTflError;
    if (node_op(registration) < 0) continue;
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
  if (status == kTflOk) plugin_remember(delegate->data_, context);
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
  if (delegate) plugin_release(delegate->data_); /* NULL after a create that failed */
}
