/* The sum of a quantised token, which the instruction sets need for weights coded as w + 1. */
#include "internal.h"

int32_t bm_sum(const int8_t* q, int32_t n) {
  int32_t sum = 0;
  for (int32_t i = 0; i < n; i++) sum += q[i];
  return sum;
}
