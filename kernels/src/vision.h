/* Shared by the int8 convolutions; not part of the interface. */
#ifndef BITMAR_KERNELS_VISION_H_
#define BITMAR_KERNELS_VISION_H_

#include "bitmar_vision.h"
#include "internal.h"

/* Where pixels go: row r lies at data + r % slots * row, a pixel and a channel are that many bytes apart. */
typedef struct bm_places {
  int8_t* data;
  int32_t width, pixel, channel, row, slots;
} bm_places;

/* One instruction set's inner loops. */
typedef struct bm_conv_isa {
  /* halves[4 * inputs bytes] = two pixels, for each four inputs: inputs 0, 2, 1, 3 of a, then of b. */
  void (*unpack)(const int8_t* a, const int8_t* b, int32_t inputs, int16_t* halves);
  /* Channels c and c + 1 of `pixels` pixels in one row: y, y + pixel ... and those of c + 1 `channel` bytes
   * on. */
  void (*channel_pair)(const bm_conv* conv, int32_t c, const int16_t* halves, int32_t pixels, int8_t* y,
                       int32_t pixel, int32_t channel);
  /* One channel of one row: rows[kernel] are the padded input's, outputs lie `pixel` bytes apart. */
  void (*depthwise)(const bm_conv* conv, int32_t c, int32_t kernel, int32_t stride, const int8_t* const* rows,
                    int32_t width, int8_t* y, int32_t pixel);
} bm_conv_isa;

extern const bm_conv_isa bm_conv_portable;
void bm_portable_depthwise(const bm_conv* conv, int32_t c, int32_t kernel, int32_t stride,
                           const int8_t* const* rows, int32_t width, int8_t* y, int32_t pixel);
#if defined(BM_HAVE_DSP)
extern const bm_conv_isa bm_conv_dsp;
#endif

/* That of bm_isa(). */
const bm_conv_isa* bm_conv_current(void);

/* Pixels x[pixels][inputs], rows of `places` from first_row on; scratch holds at least two unpacked pixels.
 */
void bm_conv_matrix(const bm_conv* conv, const int8_t* x, int32_t pixels, const bm_places* places,
                    int32_t first_row, void* scratch, size_t scratch_bytes);
void bm_int8_add_run(const bm_int8_add* add, const int8_t* a, const int8_t* b, int32_t n, int8_t* y);

static inline int32_t bm_clamp(int32_t x, int32_t low, int32_t high) {
  return x < low ? low : x > high ? high : x;
}

/* x * multiplier * 2^(shift - 31): srdhm, then rdbp. */
static inline int32_t bm_multiply(int32_t x, int32_t multiplier, int32_t shift) {
  const int32_t left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
  const int64_t product = (int64_t)(x * (1 << left)) * multiplier;
  const int32_t high = (int32_t)((product + (1 << 30)) >> 31);
  if (right == 0) return high;
  return (int32_t)(((int64_t)high + ((int64_t)1 << (right - 1)) - (high < 0)) >> right);
}

static inline int8_t bm_requantise(const bm_conv* conv, int32_t c, int32_t sum) {
  const int32_t y = bm_multiply(sum, conv->multiplier[c], conv->shift[c]) + conv->zero_point;
  return (int8_t)bm_clamp(y, conv->low, conv->high);
}

#endif
