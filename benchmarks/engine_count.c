/* engine_count TOKENS: prints the instructions of encoding a picture with a text of so many tokens by the
 * ahead-of-time engine, under QEMU -icount shift=7, for benchmarks/mcu.py. */
#include <stdio.h>
#include <stdlib.h>

#include "engine.h"
#include "machine.h"

int main(int argc, char** argv) {
  static engine_picture picture = {.scale = 0.02f};
  static engine_encoding encoding;
  int32_t tokens[BITMAR_TOKENS], count = argc == 2 ? atoi(argv[1]) : 0;
  uint32_t seed = 1, instructions = 0;
  for (int i = 0; i < BITMAR_VISION; i++)
    picture.q[i] = (int8_t)((int)((seed = seed * 1664525u + 1013904223u) >> 24) - 128);
  for (int i = 0; i < BITMAR_TOKENS; i++) tokens[i] = 5 + 37 * i % 200;
  for (int i = 0; i < 2; i++) { /* the first one chooses the instruction set */
    machine_counter_start();
    if (!engine_encode(tokens, count, &picture, &encoding)) return 3;
    instructions = machine_counter();
  }
  printf("%lu\n", (unsigned long)instructions);
  return 0;
}
