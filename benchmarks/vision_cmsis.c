/* vision_cmsis IN OUT: a vision network by CMSIS-NN's kernels, layer by layer, for comparison with kernels/.
 * The network is an array of int32 (count, then records), weights lie behind it. Prints the instructions of
 * the first picture; maps go to OUT. */
#include <stdio.h>
#include <string.h>

#include "arm_nnfunctions.h"
#include "arm_nnsupportfunctions.h"

typedef struct {
  int32_t kind; /* 0 convolution, 1 depthwise, 2 addition of the block's input */
  int32_t in_side, in_channels, out_side, out_channels, kernel, stride, pad;
  int32_t in_offset, out_offset, low, high;
  int32_t weights, bias, multiplier, shift; /* byte offsets; of an addition: its numbers */
} layer;

extern const uint8_t network[];
static int8_t maps[3][800000], scratch[200000] __attribute__((aligned(16)));
static volatile uint32_t* const timer = (volatile uint32_t*)0x40000000; /* see tests/convert/vision_run.c */

static void convolve(const layer* l, const int8_t* in, int8_t* out) {
  cmsis_nn_context context = {scratch, sizeof scratch};
  cmsis_nn_per_channel_quant_params scale = {(int32_t*)(network + l->multiplier),
                                             (int32_t*)(network + l->shift)};
  const cmsis_nn_dims in_dims = {1, l->in_side, l->in_side, l->in_channels};
  const cmsis_nn_dims out_dims = {1, l->out_side, l->out_side, l->out_channels},
                      bias = {1, 1, 1, l->out_channels};
  const int8_t* weights = (const int8_t*)(network + l->weights);
  const int32_t* biases = (const int32_t*)(network + l->bias);
  arm_cmsis_nn_status status;
  if (l->kind == 1) {
    const cmsis_nn_dims kernel = {1, l->kernel, l->kernel, l->out_channels};
    const cmsis_nn_dw_conv_params how = {
        l->in_offset, l->out_offset, 1, {l->stride, l->stride}, {l->pad, l->pad}, {1, 1}, {l->low, l->high}};
    status = arm_depthwise_conv_wrapper_s8(&context, &how, &scale, &in_dims, in, &kernel, weights, &bias,
                                           biases, &out_dims, out);
  } else {
    const cmsis_nn_dims kernel = {l->out_channels, l->kernel, l->kernel, l->in_channels};
    const cmsis_nn_conv_params how = {l->in_offset,     l->out_offset, {l->stride, l->stride},
                                      {l->pad, l->pad}, {1, 1},        {l->low, l->high}};
    status = arm_convolve_wrapper_s8(&context, &how, &scale, &in_dims, in, &kernel, weights, &bias, biases,
                                     &out_dims, out);
  }
  if (status != ARM_CMSIS_NN_SUCCESS) printf("CMSIS-NN refuses a layer: %d\n", (int)status);
}

/* numbers: zero points, multipliers, shifts of both operands, then those of the sum. The wheel has no
 * arm_elementwise_add_s8; this is what it computes. */
static void add(const layer* l, const int8_t* a, const int8_t* b, int8_t* out) {
  const int32_t* n = (const int32_t*)(network + l->weights);
  for (int32_t i = 0; i < l->out_side * l->out_side * l->out_channels; i++) {
    const int32_t x = arm_nn_requantize((a[i] - n[0]) * (1 << 20), n[2], n[4]);
    const int32_t y = arm_nn_requantize((b[i] - n[1]) * (1 << 20), n[3], n[5]);
    int32_t sum = arm_nn_requantize(x + y, n[7], n[8]) + n[6];
    sum = sum < l->low ? l->low : sum;
    out[i] = (int8_t)(sum > l->high ? l->high : sum);
  }
}

int main(int argc, char** argv) {
  const int32_t* head = (const int32_t*)network;
  const layer* layers = (const layer*)(head + 1);
  FILE *in = argc == 3 ? fopen(argv[1], "rb") : NULL, *out = in ? fopen(argv[2], "wb") : NULL;
  if (!out) return 1;
  const size_t bytes = (size_t)layers[0].in_side * (size_t)layers[0].in_side * 3;
  for (int n = 0; fread(maps[0], 1, bytes, in) == bytes; n++) {
    int8_t *x = maps[0], *kept = NULL; /* kept: the block's input */
    timer[0] = 0;
    timer[2] = timer[1] = 0xFFFFFFFF;
    timer[0] = 1;
    for (int32_t i = 0; i < head[0]; i++) {
      const layer* l = layers + i;
      if (l->kind == 0 && l->kernel == 1 && l->out_channels > l->in_channels) kept = x;
      int8_t* y = maps[0];
      for (int32_t k = 0; k < 3; k++) {
        if (maps[k] != x && maps[k] != kept) y = maps[k];
      }
      if (l->kind == 2)
        add(l, kept, x, y);
      else
        convolve(l, x, y);
      x = y;
    }
    if (n == 0) printf("%lu\n", (unsigned long)(((uint64_t)(0xFFFFFFFFu - timer[1]) * 5 + 8) / 16));
    const layer* last = layers + head[0] - 1;
    fwrite(x, 1, (size_t)(last->out_side * last->out_side * last->out_channels), out);
  }
  return fclose(out) != 0;
}
