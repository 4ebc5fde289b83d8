/* vision_run IN OUT: every picture of IN through the network, once in each instruction-set variant of this
 * build; the maps go to OUT. Says "VARIANT INSTRUCTIONS" of the first picture (on the emulated Cortex-M7; 0
 * elsewhere). */
#include <stdio.h>

#include "vision_net.h"

static uint8_t arena[VISION_NET_ARENA_BYTES] __attribute__((aligned(16)));

#if defined(__ARM_ARCH_7EM__)
/* CMSDK timer 0 of mps2-an500: 25 MHz; with -icount shift=7 an instruction takes 128 ns, so 3.2 ticks */
static volatile uint32_t* const timer = (volatile uint32_t*)0x40000000;
static void start(void) {
  timer[0] = 0;
  timer[2] = timer[1] = 0xFFFFFFFF;
  timer[0] = 1;
}
static unsigned long long count(void) { return ((uint64_t)(0xFFFFFFFFu - timer[1]) * 5 + 8) / 16; }
#else
static void start(void) {}
static unsigned long long count(void) { return 0; }
#endif

int main(int argc, char** argv) {
  static const char* const variants[] = {"portable", "dsp"};
  const size_t in_bytes = (size_t)VISION_NET_PICTURE_SIDE * VISION_NET_PICTURE_SIDE * 3;
  const size_t out_bytes = (size_t)VISION_NET_MAP_SIDE * VISION_NET_MAP_SIDE * VISION_NET_MAP_CHANNELS;
  FILE *in = argc == 3 ? fopen(argv[1], "rb") : NULL, *out = in ? fopen(argv[2], "wb") : NULL;
  if (!out) return 1;
  for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
    if (bm_isa_select(variants[i]) != BM_OK) continue;
    rewind(in);
    for (int n = 0; fread(arena + VISION_NET_PICTURE, 1, in_bytes, in) == in_bytes; n++) {
      start();
      const bm_status status = vision_net_run(arena);
      const unsigned long long instructions = count();
      if (status != BM_OK) return 1;
      if (n == 0) printf("%s %llu\n", variants[i], instructions);
      if (fwrite(arena + VISION_NET_MAP, 1, out_bytes, out) != out_bytes) return 1;
    }
  }
  return fclose(out) != 0;
}
