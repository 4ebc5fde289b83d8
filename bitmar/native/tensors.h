/* Checks that an op's prepare makes on its tensors; each reports what it found and what it expected. */
#ifndef BITMAR_TENSORS_H_
#define BITMAR_TENSORS_H_

#include "delegate.h"

/* The node's i-th input or output. Never keep the pointer: the runtime may move its tensors. */
static inline TflTensor* input(TflContext* c, const OpNode* node, int i) {
  return &c->tensors[node->inputs[i]];
}
static inline TflTensor* output(TflContext* c, const OpNode* node, int i) {
  return &c->tensors[node->outputs[i]];
}

static inline int last_dim(const TflTensor* t) { return t->dims->data[t->dims->size - 1]; }

/* Product of all dimensions but the last. */
static inline int row_count(const TflTensor* t) {
  int rows = 1;
  for (int i = 0; i + 1 < t->dims->size; ++i) rows *= t->dims->data[i];
  return rows;
}

static inline int element_count(const TflTensor* t) { return row_count(t) * last_dim(t); }

/* Every tensor of the node exists, has its type of `types` ('f' float32, 'i' int32, 'u' uint8; inputs, then
 * outputs), at least one dimension, and as many bytes as its shape needs. */
TflStatus check_tensors(TflContext* c, const OpNode* node, const char* types);

/* Input i is part of the model file. */
TflStatus check_constant(TflContext* c, const OpNode* node, int i);

/* Input i holds `count` elements. */
TflStatus check_count(TflContext* c, const OpNode* node, int i, long long count, const char* what);

/* Gives output i the shape dims[rank]. */
TflStatus resize_output(TflContext* c, const OpNode* node, int i, int rank, const int* dims);

/* Makes node->scratch at least `bytes` long. */
TflStatus reserve_scratch(TflContext* c, OpNode* node, size_t bytes);

#endif
