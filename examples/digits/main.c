/** The held-out digits on the emulated Cortex-M7: how many are right, and whether the logits are the
 * runtime's bits. */
#include <stdio.h>

#if !__has_include("digits.h")
#error "no model yet: run python examples/digits/train.py"
#endif
#include "bitmar_kernels.h"
#include "digits.h"
#include "held_out.h"
#include "machine.h"

int main(void) {
  float in[DIGITS_IN_COUNT], out[DIGITS_OUT_COUNT];
  uint32_t crc = 0, right = 0, instructions = 0;
  for (uint32_t i = 0; i < HELD_OUT; i++) {
    for (int p = 0; p < DIGITS_IN_COUNT; p++) in[p] = images[i][p];
    machine_counter_start();
    if (digits_run(in, out)) return 2;
    instructions = machine_counter();
    machine_counter_stop();
    crc = bm_crc32(crc, out, sizeof out);
    int best = 0;
    for (int k = 1; k < DIGITS_OUT_COUNT; k++)
      if (out[k] > out[best]) best = k;
    right += best == labels[i];
  }
  printf("of %d held out %lu right: 0.%04lu\n", HELD_OUT, (unsigned long)right,
         (unsigned long)((right * 10000u + HELD_OUT / 2) / HELD_OUT));
  printf("instructions for the last: %lu\n", (unsigned long)instructions);
  printf("logits %08lx: %s\n", (unsigned long)crc,
         crc == expected_crc ? "the runtime's bits" : "NOT the runtime's bits");
  return crc != expected_crc;
}
