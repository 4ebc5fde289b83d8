/* step_count STEPS: prints the instructions of each of so many decoder steps of one stream after the first by
 * the ahead-of-time engine, under QEMU -icount shift=7, and the best word's id, for benchmarks/head.py. */
#include <stdio.h>
#include <stdlib.h>

#include "engine.h"
#include "machine.h"

static uint32_t seed = 1;

static void fill(float* x, int n) {
  for (int i = 0; i < n; i++)
    x[i] = (float)((int32_t)((seed = seed * 1664525u + 1013904223u) >> 8) - (1 << 23)) * 1e-7f;
}

int main(int argc, char** argv) {
  static float context[BITMAR_DIM], latent[BITMAR_LATENT], logits[BITMAR_TOP_TOKENS];
  static int32_t ids[BITMAR_TOP_TOKENS];
  int steps = argc == 2 ? atoi(argv[1]) : 0;
  fill(context, BITMAR_DIM);
  fill(latent, BITMAR_LATENT);
  engine_start(context, latent);
  for (int i = 0; i <= steps; i++) { /* the first one prepares the stream */
    machine_counter_start();
    if (!engine_step(5 + 37 * i % 200, ids, logits)) return 3;
    uint32_t instructions = machine_counter();
    if (i) printf("%lu %ld\n", (unsigned long)instructions, (long)ids[0]);
  }
  return 0;
}
