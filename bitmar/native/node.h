/* One claimed node of a graph: the runtime's four calls, over ops/. */
#ifndef BITMAR_NODE_H_
#define BITMAR_NODE_H_

#include "tfl_abi.h"

/* The op of bitmar_ops.h that a registration stands for, or -1. */
int node_op(const TflRegistration* registration);

/* TflRegistration's init: `buffer` is the TflDelegateParams of one node; the result is the node's user_data.
 */
void* node_init(TflContext* context, const char* buffer, size_t length);
void node_free(TflContext* context, void* user_data);
TflStatus node_prepare(TflContext* context, TflNode* tfl_node);
TflStatus node_invoke(TflContext* context, TflNode* tfl_node);

#endif
