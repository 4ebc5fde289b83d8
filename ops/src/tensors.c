#include "tensors.h"

#include <limits.h>

#include "reason.h"

static const char* type_name(char letter) {
  switch (letter) {
    case 'f':
      return "float32";
    case 'i':
      return "int32";
    case 'u':
      return "uint8";
    default:
      return "another type";
  }
}

static bool check_type(const bm_op_tensor* t, const char* side, int i, char letter, bm_op_reason* why) {
  if (!t->type) return op_refuse(why, "%s %d is missing", side, i);
  if (t->type == letter) return true;
  return op_refuse(why, "%s %d is %s, expected %s", side, i, type_name(t->type), type_name(letter));
}

bool op_check_output(const bm_op_tensor* out, int i, char letter, bm_op_reason* why) {
  return check_type(&out[i], "output", i, letter, why);
}

bool op_check_input(const bm_op_tensor* in, int i, char letter, bm_op_reason* why) {
  const bm_op_tensor* t = &in[i];
  if (!check_type(t, "input", i, letter, why)) return false;
  if (!t->dims || t->rank < 1 || t->rank > BM_OP_MOST_RANK) {
    return op_refuse(why, "input %d has %d dimensions, expected 1 to %d", i, t->dims ? t->rank : 0,
                     BM_OP_MOST_RANK);
  }
  size_t bytes = letter == 'u' ? 1 : 4;
  for (int d = 0; d < t->rank; ++d) {
    const int size = t->dims[d];
    if (size < 1) return op_refuse(why, "input %d: dimension %d is %d, expected at least 1", i, d, size);
    if (bytes > (size_t)INT_MAX / (size_t)size) {
      return op_refuse(why, "input %d: dimension %d is %d, expected less than 2 GB in all", i, d, size);
    }
    bytes *= (size_t)size;
  }
  if (t->bytes == BM_OP_ANY_BYTES || t->bytes == bytes) return true;
  return op_refuse(why, "input %d has %lld bytes, its shape needs %lld", i, (long long)t->bytes,
                   (long long)bytes);
}

bool op_check_constant(const bm_op_tensor* in, int i, bm_op_reason* why) {
  return in[i].constant || op_refuse(why, "input %d is computed, expected a constant of the model", i);
}

bool op_check_count(const bm_op_tensor* in, int i, long long count, const char* what, bm_op_reason* why) {
  const int found = element_count(&in[i]);
  return found == count ||
         op_refuse(why, "input %d (%s) has %d elements, expected %lld", i, what, found, count);
}

long long op_shape_count(const bm_op_shape* shape) {
  long long count = 1;
  for (int d = 0; d < shape->rank; ++d) {
    count *= shape->dims[d];
    if (count > INT_MAX / 4) return -1;
  }
  return count;
}
