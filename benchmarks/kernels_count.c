/* kernels_count ISA OP LAYOUT ROWS COLS TOKENS REPEATS: runs one op on fixed data, for benchmarks/kernels.py
 * to count its instructions. On a Cortex-M7 it prints the exact count of one call, from SysTick under QEMU
 * -icount shift=7. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bitmar_kernels.h"

static uint32_t seed = 1;

static uint32_t rnd(void) { return seed = seed * 1664525u + 1013904223u; }

#if defined(__ARM_ARCH_7EM__)
static volatile uint32_t* const systick = (volatile uint32_t*)0xE000E010;

static void start_count(void) {
  systick[0] = 0;
  systick[1] = 0xFFFFFF;
  systick[2] = 0;
  systick[0] = 5;
}

/* SysTick runs at 25 MHz = 40 ns and an instruction takes 128 ns: 3.2 ticks */
static void print_count(void) {
  uint32_t ticks = 0xFFFFFF - systick[2];
  printf("%lu\n", (unsigned long)((ticks * 5 + 8) / 16 - 1));
}
#else
static void start_count(void) {}
static void print_count(void) {}
#endif

/* one byte of random weights */
static uint8_t packed_byte(int32_t layout) {
  uint32_t r = rnd() >> 8;
  if (layout == BM_LAYOUT_B3 || layout == BM_LAYOUT_C5) return (uint8_t)(r % 243);
  /* pl14: w + 1 and w by turns, w in two's complement */
  static const uint8_t codes[2][3] = {{0, 1, 2}, {3, 0, 1}};
  const uint8_t *even = codes[0], *odd = codes[layout == BM_LAYOUT_PL14];
  return (uint8_t)(even[r % 3] | odd[r / 3 % 3] << 2 | even[r / 9 % 3] << 4 | odd[r / 27 % 3] << 6);
}

int main(int argc, char** argv) {
  if (argc != 8) return 2;
  const char *isa = argv[1], *op = argv[2];
  int32_t layout = atoi(argv[3]), rows = atoi(argv[4]), cols = atoi(argv[5]), tokens = atoi(argv[6]),
          repeats = atoi(argv[7]);
  if (bm_isa_select(isa) != BM_OK) return 3;
  size_t bytes = bm_packed_bytes(layout, rows, cols), numbers = (size_t)tokens * (size_t)cols;
  size_t scratch_bytes = BM_TOKEN_BYTES(cols) * (size_t)tokens;
  if (layout == BM_LAYOUT_C5) scratch_bytes = BM_TOKEN_BYTES(cols) + BM_TABLE_BYTES(128);
  uint8_t* packed = malloc(bytes);
  float *x = malloc(numbers * sizeof *x), *y = malloc((size_t)tokens * (size_t)rows * sizeof *y),
        gamma = 0.5f, logits[8];
  void* scratch = malloc(scratch_bytes);
  int32_t ids[8];
  if (!packed || !x || !y || !scratch) return 4;
  for (size_t i = 0; i < bytes; i++) packed[i] = packed_byte(layout);
  for (size_t i = 0; i < numbers; i++) x[i] = (float)((int32_t)(rnd() >> 8) - (1 << 23)) * 1e-6f;
  bm_ternary w = {packed, &gamma, rows, cols, layout, 0};
  const bm_token* token;
  bm_status status = BM_OK;
  /* the first call is not counted: it may choose the instruction set */
  for (int32_t i = 0; i <= repeats; i++) {
    start_count();
    if (!strcmp(op, "fc")) status = bm_ternary_fc(&w, x, tokens, 0, y, scratch, scratch_bytes);
    if (!strcmp(op, "topk")) status = bm_ternary_topk(&w, x, 8, ids, logits, scratch, scratch_bytes);
    if (!strcmp(op, "quantise"))
      status = bm_token_prepare(layout, cols, x, scratch, BM_TOKEN_BYTES(cols), &token);
    if (i == repeats) print_count();
  }
  return status == BM_OK ? 0 : 5;
}
