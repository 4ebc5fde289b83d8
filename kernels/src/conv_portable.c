/* The inner loops of the int8 convolutions in plain C. */
#include "vision.h"

static void unpack(const int8_t* a, const int8_t* b, int32_t inputs, int16_t* halves) {
  for (int32_t i = 0; i < inputs; i += 4, halves += 8) {
    for (int32_t j = 0; j < 4; j++) {
      const int32_t from = i + (j % 2 ? 2 : 0) + j / 2;
      halves[j] = a[from];
      halves[j + 4] = b[from];
    }
  }
}

static void channel_pair(const bm_conv* conv, int32_t c, const int16_t* halves, int32_t pixels, int8_t* y,
                         int32_t pixel, int32_t channel) {
  const int8_t* weights = conv->weights + (size_t)c * (size_t)conv->inputs;
  for (int32_t p = 0; p < pixels; p++, y += pixel) {
    const int16_t* x = halves + (p / 2) * 2 * conv->inputs + p % 2 * 4;
    for (int32_t k = 0; k < 2; k++) {
      int32_t sum = conv->bias[c + k];
      for (int32_t i = 0; i < conv->inputs; i += 4) {
        const int8_t* w = weights + 2 * i + 4 * k;
        sum += w[0] * x[2 * i] + w[2] * x[2 * i + 1] + w[1] * x[2 * i + 2] + w[3] * x[2 * i + 3];
      }
      y[k * channel] = bm_requantise(conv, c + k, sum);
    }
  }
}

void bm_portable_depthwise(const bm_conv* conv, int32_t c, int32_t kernel, int32_t stride,
                           const int8_t* const* rows, int32_t width, int8_t* y, int32_t pixel) {
  const int8_t* weights = conv->weights + c * kernel * kernel;
  for (int32_t x = 0; x < width; x++, y += pixel) {
    int32_t sum = conv->bias[c];
    for (int32_t i = 0; i < kernel; i++) {
      for (int32_t j = 0; j < kernel; j++) sum += weights[i * kernel + j] * rows[i][x * stride + j];
    }
    *y = bm_requantise(conv, c, sum);
  }
}

const bm_conv_isa bm_conv_portable = {unpack, channel_pair, bm_portable_depthwise};
