#include "vision.h"

/* Both operands go to a common scale with 20 more bits, as in TensorFlow Lite. */
void bm_int8_add_run(const bm_int8_add* add, const int8_t* a, const int8_t* b, int32_t n, int8_t* y) {
  for (int32_t i = 0; i < n; i++) {
    const int32_t x0 = (a[i] - add->zero_point[0]) * (1 << 20), x1 = (b[i] - add->zero_point[1]) * (1 << 20);
    const int32_t sum = bm_multiply(x0, add->multiplier[0], add->shift[0]) +
                        bm_multiply(x1, add->multiplier[1], add->shift[1]);
    const int32_t out = bm_multiply(sum, add->out_multiplier, add->out_shift) + add->out_zero_point;
    y[i] = (int8_t)bm_clamp(out, add->low, add->high);
  }
}
