/* The inner loops of the int8 convolutions with SMLAD: two products an instruction. */
#include "../src/vision.h"
#include "dsp.h"

#if defined(BM_HAVE_DSP)

#define SXTB16(d, w) __asm__("sxtb16 %0, %1" : "=r"(d) : "r"(w))
#define SXTB16_8(d, w) __asm__("sxtb16 %0, %1, ror #8" : "=r"(d) : "r"(w))
/* acc += the low half of x * the low half of w; the high half of x */
#define SMLABB(acc, x, w) __asm__("smlabb %0, %1, %2, %0" : "+r"(acc) : "r"(x), "r"(w))
#define SMLATB(acc, x, w) __asm__("smlatb %0, %1, %2, %0" : "+r"(acc) : "r"(x), "r"(w))
#define SMLAD(acc, x, w) __asm__("smlad %0, %1, %2, %0" : "+r"(acc) : "r"(x), "r"(w))

/* How one channel's sums become int8; a copy, because a store of bytes may change what pointers lead to. */
typedef struct scaling {
  int32_t multiplier, right, half, zero_point, low, high;
} scaling;

/* right 0: the general way. Products add up to less than 2^27, so that with a bias below 2^29 a sum can be
 * doubled; converters give channels of nearly no weight a bias of up to 2^30. */
static inline scaling scaling_of(const bm_conv* conv, int32_t c) {
  const int32_t bias = conv->bias[c], most = 1 << 29, right = -conv->shift[c];
  const int32_t fast = right > 0 && bias > -most && bias < most;
  return (scaling){conv->multiplier[c], fast ? right : 0, fast ? 1 << (right - 1) : 0,
                   conv->zero_point,    conv->low,        conv->high};
}

static __attribute__((noinline)) int8_t general(const bm_conv* conv, int32_t c, int32_t sum) {
  return bm_requantise(conv, c, sum);
}

/* bm_requantise: SMMULR is (a b + 2^31) >> 32, and a carries srdhm's factor of two. */
static inline int8_t scaled(const scaling* s, const bm_conv* conv, int32_t c, int32_t sum) {
  int32_t y;
  if (__builtin_expect(s->right == 0, 0)) return general(conv, c, sum);
  __asm__("smmulr %0, %1, %2" : "=r"(y) : "r"(sum << 1), "r"(s->multiplier));
  y = (y + s->half + (y >> 31)) >> s->right;
  return (int8_t)bm_clamp(y + s->zero_point, s->low, s->high);
}

static void unpack(const int8_t* a, const int8_t* b, int32_t inputs, int16_t* halves) {
  uint32_t* out = (uint32_t*)(void*)halves;
  for (const int8_t* end = a + inputs; a != end; a += 4, b += 4, out += 4) {
    const uint32_t x = dsp_load((const uint8_t*)a), y = dsp_load((const uint8_t*)b);
    SXTB16(out[0], x);
    SXTB16_8(out[1], x);
    SXTB16(out[2], y);
    SXTB16_8(out[3], y);
  }
}

/* Two channels and two pixels, four inputs: both channels' weights are unpacked once, pixels are already. */
#define FOUR_INPUTS                    \
  "ldrd %[w0], %[w1], [%[w]], #8\n"    \
  "ldrd %[a0], %[a1], [%[x]], #8\n"    \
  "sxtb16 %[h0], %[w0], ror #8\n"      \
  "sxtb16 %[w0], %[w0]\n"              \
  "sxtb16 %[h1], %[w1], ror #8\n"      \
  "sxtb16 %[w1], %[w1]\n"              \
  "smlad %[s0], %[w0], %[a0], %[s0]\n" \
  "smlad %[s1], %[w1], %[a0], %[s1]\n" \
  "smlad %[s0], %[h0], %[a1], %[s0]\n" \
  "smlad %[s1], %[h1], %[a1], %[s1]\n" \
  "ldrd %[a0], %[a1], [%[x]], #8\n"    \
  "smlad %[s2], %[w0], %[a0], %[s2]\n" \
  "smlad %[s3], %[w1], %[a0], %[s3]\n" \
  "smlad %[s2], %[h0], %[a1], %[s2]\n" \
  "smlad %[s3], %[h1], %[a1], %[s3]\n"

static void channel_pair(const bm_conv* conv, int32_t c, const int16_t* halves, int32_t pixels, int8_t* y,
                         int32_t pixel, int32_t channel) {
  const int8_t* weights = conv->weights + (size_t)c * (size_t)conv->inputs;
  const scaling first = scaling_of(conv, c), second = scaling_of(conv, c + 1);
  const int32_t bias[2] = {conv->bias[c], conv->bias[c + 1]}, inputs = conv->inputs;
  const int16_t* x = halves;
  for (; pixels > 0; pixels -= 2, y += 2 * pixel) {
    int32_t s0 = bias[0], s1 = bias[1], s2 = s0, s3 = s1;
    {
      const int8_t* w = weights;
      int32_t eights = inputs >> 3;
      uint32_t w0, w1, h0, h1, a0, a1;
      __asm__ volatile("1:\n" FOUR_INPUTS FOUR_INPUTS
                       "subs %[n], %[n], #1\n"
                       "bne 1b\n"
                       : [s0] "+r"(s0), [s1] "+r"(s1), [s2] "+r"(s2), [s3] "+r"(s3), [w] "+r"(w), [x] "+r"(x),
                         [n] "+r"(eights), [w0] "=&r"(w0), [w1] "=&r"(w1), [h0] "=&r"(h0), [h1] "=&r"(h1),
                         [a0] "=&r"(a0), [a1] "=&r"(a1)
                       :
                       : "cc", "memory");
    }
    y[0] = scaled(&first, conv, c, s0);
    y[channel] = scaled(&second, conv, c + 1, s1);
    if (pixels > 1) {
      y[pixel] = scaled(&first, conv, c, s2);
      y[pixel + channel] = scaled(&second, conv, c + 1, s3);
    }
  }
}

/* Of one row of a kernel: weights 0 and 2, 1 and 3, 4 as halves of words; 3 and 4 are zero in a 3 x 3 kernel.
 */
typedef struct taps {
  uint32_t even, odd, last;
} taps;

static inline uint32_t halves_of(int32_t low, int32_t high) {
  return ((uint32_t)low & 0xFFFFu) | (uint32_t)high << 16;
}

/* Four outputs from x on, one row of the kernel. The pairs (0, 2), (1, 3) of each pair of columns come by
 * SXTB16 from a load of four. */
static inline void four(const int8_t* x, int32_t kernel, int32_t stride, const taps* w, int32_t sum[4]) {
  uint32_t pair[12];
  const int32_t loads = stride == 1 ? (kernel == 3 ? 2 : 3) : (kernel == 3 ? 4 : 5);
#pragma GCC unroll 5
  for (int32_t i = 0; i < loads; i++) {
    const uint32_t word = dsp_load((const uint8_t*)x + 2 * i);
    SXTB16(pair[2 * i], word);       /* columns 2i, 2i + 2 */
    SXTB16_8(pair[2 * i + 1], word); /* columns 2i + 1, 2i + 3 */
  }
#pragma GCC unroll 4
  for (int32_t j = 0; j < 4; j++) {
    const int32_t at = j * stride; /* pair[at] holds columns at and at + 2 */
    SMLAD(sum[j], pair[at], w->even);
    if (kernel == 5) SMLAD(sum[j], pair[at + 1], w->odd);
    const int32_t low = kernel == 3 ? at + 1 : at + 4; /* column of the tap that is left */
    const uint32_t tap = kernel == 3 ? w->odd : w->last;
    if (low < 2 * loads)
      SMLABB(sum[j], pair[low], tap);
    else
      SMLATB(sum[j], pair[low - 2], tap);
  }
}

static inline void row_of_fours(const bm_conv* conv, int32_t c, int32_t kernel, int32_t stride,
                                const int8_t* const* rows, int32_t width, int8_t* y, int32_t pixel) {
  taps w[BM_CONV_KERNEL];
  const int8_t* weights = conv->weights + c * kernel * kernel;
  for (int32_t i = 0; i < kernel; i++, weights += kernel) {
    w[i].even = halves_of(weights[0], weights[2]);
    w[i].odd = halves_of(weights[1], kernel == 5 ? weights[3] : 0);
    w[i].last = kernel == 5 ? halves_of(weights[4], 0) : 0;
  }
  const scaling s = scaling_of(conv, c);
  const int32_t bias = conv->bias[c];
  for (int32_t x = 0; x < width; x += 4, y += 4 * pixel) {
    int32_t sum[4] = {bias, bias, bias, bias};
#pragma GCC unroll 1
    for (int32_t i = 0; i < kernel; i++) four(rows[i] + x * stride, kernel, stride, &w[i], sum);
#pragma GCC unroll 4
    for (int32_t j = 0; j < 4; j++) y[j * pixel] = scaled(&s, conv, c, sum[j]);
  }
}

static void depthwise(const bm_conv* conv, int32_t c, int32_t kernel, int32_t stride,
                      const int8_t* const* rows, int32_t width, int8_t* y, int32_t pixel) {
  const int32_t fours = width / 4 * 4;
  if (kernel == 3 && stride == 1) row_of_fours(conv, c, 3, 1, rows, fours, y, pixel);
  if (kernel == 3 && stride == 2) row_of_fours(conv, c, 3, 2, rows, fours, y, pixel);
  if (kernel == 5 && stride == 1) row_of_fours(conv, c, 5, 1, rows, fours, y, pixel);
  if (kernel == 5 && stride == 2) row_of_fours(conv, c, 5, 2, rows, fours, y, pixel);
  if (fours == width) return;
  const int8_t* rest[BM_CONV_KERNEL];
  for (int32_t i = 0; i < kernel; i++) rest[i] = rows[i] + fours * stride;
  bm_portable_depthwise(conv, c, kernel, stride, rest, width - fours, y + fours * pixel, pixel);
}

const bm_conv_isa bm_conv_dsp = {unpack, channel_pair, depthwise};

#endif
