#include "tensors.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static int type_of(char letter) {
  return letter == 'f' ? kTflFloat32 : letter == 'i' ? kTflInt32 : kTflUInt8;
}

static const char* type_name(TflType type) {
  switch (type) {
    case kTflFloat32:
      return "float32";
    case kTflInt32:
      return "int32";
    case kTflUInt8:
      return "uint8";
    default:
      return "another type";
  }
}

/* Outputs have no bytes before the first resize, and dynamic ones until they run. */
static TflStatus check_tensor(TflContext* c, const OpNode* node, int index, char letter, int is_input,
                              int position) {
  const char* side = is_input ? "input" : "output";
  if (index < 0 || (size_t)index >= c->tensors_size) return fail(c, node, "%s %d is missing", side, position);
  const TflTensor* t = &c->tensors[index];
  if (t->type != type_of(letter)) {
    return fail(c, node, "%s %d is %s, expected %s", side, position, type_name(t->type),
                type_name(type_of(letter)));
  }
  if (!is_input) return kTflOk;
  if (!t->dims || t->dims->size < 1 || t->dims->size > 8) {
    return fail(c, node, "%s %d has %d dimensions, expected 1 to 8", side, position,
                t->dims ? t->dims->size : 0);
  }
  size_t bytes = letter == 'u' ? 1 : 4;
  for (int d = 0; d < t->dims->size; ++d) {
    if (t->dims->data[d] < 1 || bytes > (size_t)INT_MAX / (size_t)t->dims->data[d]) {
      return fail(c, node, "%s %d: dimension %d is %d", side, position, d, t->dims->data[d]);
    }
    bytes *= (size_t)t->dims->data[d];
  }
  if (t->allocation_type != kTflDynamic && bytes != t->bytes) {
    return fail(c, node, "%s %d has %zu bytes, its shape needs %zu", side, position, t->bytes, bytes);
  }
  return kTflOk;
}

TflStatus check_tensors(TflContext* c, const OpNode* node, const char* types) {
  const OpDef* def = node->def;
  for (int i = 0; i < def->n_inputs; ++i) {
    if (check_tensor(c, node, node->inputs[i], types[i], 1, i)) return kTflError;
  }
  for (int i = 0; i < def->n_outputs; ++i) {
    if (check_tensor(c, node, node->outputs[i], types[def->n_inputs + i], 0, i)) return kTflError;
  }
  return kTflOk;
}

TflStatus check_constant(TflContext* c, const OpNode* node, int i) {
  const int where = input(c, node, i)->allocation_type;
  if (where == kTflMmapRo || where == kTflPersistentRo) return kTflOk;
  return fail(c, node, "input %d is computed, expected a constant of the model", i);
}

TflStatus check_count(TflContext* c, const OpNode* node, int i, long long count, const char* what) {
  const int found = element_count(input(c, node, i));
  if (found == count) return kTflOk;
  return fail(c, node, "%s has %d elements, expected %lld", what, found, count);
}

TflStatus resize_output(TflContext* c, const OpNode* node, int i, int rank, const int* dims) {
  TflIntArray* shape = malloc(sizeof(TflIntArray) + sizeof(int) * (size_t)rank); /* the runtime frees it */
  if (!shape) return fail(c, node, "out of memory");
  shape->size = rank;
  memcpy(shape->data, dims, sizeof(int) * (size_t)rank);
  return c->ResizeTensor(c, output(c, node, i), shape);
}

TflStatus reserve_scratch(TflContext* c, OpNode* node, size_t bytes) {
  if (bytes <= node->scratch_bytes) return kTflOk;
  void* grown = realloc(node->scratch, bytes);
  if (!grown) return fail(c, node, "out of memory");
  node->scratch = grown;
  node->scratch_bytes = bytes;
  return kTflOk;
}
