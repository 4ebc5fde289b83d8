/* kernels_cmsis ROWS COLS: prints the instructions of one call of CMSIS-NN's arm_fully_connected_s8, its
 * requantisation included, for benchmarks/kernels_m7.py; from SysTick under QEMU -icount shift=7. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "arm_nnfunctions.h"

static volatile uint32_t* const systick = (volatile uint32_t*)0xE000E010;

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const int32_t rows = atoi(argv[1]), cols = atoi(argv[2]);
  int8_t *x = malloc((size_t)cols), *w = malloc((size_t)rows * (size_t)cols), *y = malloc((size_t)rows);
  int32_t* bias = calloc((size_t)rows, sizeof *bias);
  if (!x || !w || !y || !bias) return 4;
  uint32_t seed = 1;
  for (int32_t i = 0; i < cols; i++) x[i] = (int8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
  for (int32_t i = 0; i < rows * cols; i++) w[i] = (int8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
  const cmsis_nn_context context = {NULL, 0};
  const cmsis_nn_fc_params p = {.input_offset = 3, .output_offset = -5, .activation = {-128, 127}};
  const cmsis_nn_per_tensor_quant_params q = {.multiplier = 1518500250, .shift = -9};
  const cmsis_nn_dims xs = {1, 1, 1, cols}, ws = {cols, 1, 1, rows}, bs = {1, 1, 1, rows},
                      ys = {1, 1, 1, rows};
  systick[0] = 0;
  systick[1] = 0xFFFFFF;
  systick[2] = 0;
  systick[0] = 5;
  const arm_cmsis_nn_status status =
      arm_fully_connected_s8(&context, &p, &q, &xs, x, &ws, w, &bs, bias, &ys, y);
  /* SysTick runs at 25 MHz = 40 ns and an instruction takes 128 ns: 3.2 ticks */
  const uint32_t ticks = 0xFFFFFF - systick[2];
  printf("%lu\n", (unsigned long)((ticks * 5 + 8) / 16 - 1));
  return status == ARM_CMSIS_NN_SUCCESS ? 0 : 5;
}
