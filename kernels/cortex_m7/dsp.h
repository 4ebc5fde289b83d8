/* Single instructions of the Armv7E-M DSP extension (they exist in Thumb-2 on armv7-A too, where the tests
 * also run them). Volatile, one instruction each: left to itself GCC splits the rotate off the AND and spills
 * accumulators. */
#ifndef BITMAR_KERNELS_DSP_H_
#define BITMAR_KERNELS_DSP_H_

#include "../src/internal.h"

#if defined(BM_HAVE_DSP)

#if defined(__ARM_ARCH_7EM__) && (__ARM_FP & 8)
#define BM_DSP_FPV5 1 /* double precision, or else the older FPv4-SP: has VMAXNM */
#endif

/* d = mask & (w rotated right by n) */
#define DSP_AND_ROR(d, mask, w, n)                                                                  \
  do {                                                                                              \
    if ((n) == 0)                                                                                   \
      __asm__ volatile("and %0, %1, %2" : "=r"(d) : "r"(mask), "r"(w));                             \
    else                                                                                            \
      __asm__ volatile("and %0, %1, %2, ror %3" : "=r"(d) : "r"(mask), "r"(w), "i"((n) ? (n) : 1)); \
  } while (0)

/* acc += a.low * b.low + a.high * b.high, signed 16-bit halves */
#define DSP_SMLAD(acc, a, b) __asm__ volatile("smlad %0, %1, %2, %0" : "+r"(acc) : "r"(a), "r"(b))
/* acc += a * b */
#define DSP_MLA(acc, a, b) __asm__ volatile("mla %0, %1, %2, %0" : "+r"(acc) : "r"(a), "r"(b))
/* |low half| and |high half| */
#define DSP_ABS16(d, w) __asm__("ssub16 %0, %2, %1\n sel %0, %0, %1" : "=&r"(d) : "r"(w), "r"(0))
/* hi:lo += a * b, signed */
#define DSP_SMLAL(lo, hi, a, b) __asm__ volatile("smlal %0, %1, %2, %3" : "+r"(lo), "+r"(hi) : "r"(a), "r"(b))
/* a, b = p[0], p[1]; p += 2. p is word-aligned. */
#define DSP_LDRD(a, b, p) __asm__ volatile("ldrd %0, %1, [%2], #8" : "=r"(a), "=r"(b), "+r"(p) : : "memory")

static inline uint32_t dsp_load(const uint8_t* p) {
  uint32_t w; /* any alignment: the M7's LDR takes it */
  memcpy(&w, p, sizeof w);
  return w;
}

/* Round to nearest even (the FP state is set); NaN gives 0. The integer's bits, in a float register. */
static inline float dsp_round(float t) {
  float n;
  __asm__("vcvtr.s32.f32 %0, %1" : "=t"(n) : "t"(t));
  return n;
}

/* the low `bits` bits of v, sign-extended */
#define DSP_LOW(v, bits) ((int32_t)((uint32_t)(v) << (32 - (bits))) >> (32 - (bits)))

/* Neighbouring groups of 16 columns whose |q| add up to at most 8191, and the sum of their q. Words 0 ends
 * the list. */
typedef struct dsp_block {
  int32_t words; /* of 16 columns */
  int32_t sum;
} dsp_block;

/* For rm2 the columns take half of a token's data; the list of blocks begins after them. */
static inline dsp_block* dsp_blocks(const bm_token* token) {
  return (dsp_block*)((int16_t*)token->data + bm_padded(token->cols));
}

/* Of a group of 16 columns. */
typedef struct dsp_sums {
  int32_t magnitude; /* sum of |q| */
  int32_t sum;
} dsp_sums;

/* bm_absmax. */
float bm_dsp_absmax(const float* x, int32_t n);
/* q[n] = rne(x * r), zeros up to a multiple of 16, in runs of four columns that lie `step` bytes apart; sums
 * [ceil(n / 16)] or NULL. */
void bm_dsp_quantise(const float* x, int32_t n, float r, int32_t step, int16_t* q, dsp_sums* sums);
/* y[8 * n]: int32 sums become floats times `scale`, the bits of a float. */
void bm_dsp_scale_8(float* y, int32_t n, uint32_t scale);
/* y[rows] holds the bits of int32 sums and becomes act(sum * (d * gamma)). */
void bm_dsp_scale(const bm_ternary* w, float d, int32_t activation, float* y);

/* bm_dots for n % 4 == 0 and at most 256 columns (or 0, and nothing is done). */
int bm_dsp_dots(const int8_t* a, const int8_t* b, const int8_t* rows, int32_t count, int32_t n,
                int32_t* with_a, int32_t* with_b);

bm_dot bm_dsp_dot_rm2, bm_dsp_dot_b3, bm_dsp_dot_pl14, bm_dsp_dot_c5;
void bm_dsp_prepare_pl14(bm_token* token, const float* x, float r);
void bm_dsp_prepare_c5(bm_token* token, const float* x, float r);
/* BITMAR_TERNARY_FC of all tokens, in pairs where the memory has room for two; as bm_backend's fc. */
int bm_dsp_fc_pl14(const bm_ternary* w, const float* x, int32_t n, int32_t activation, float* y, void* memory,
                   size_t bytes);
int bm_dsp_fc_c5(const bm_ternary* w, const float* x, int32_t n, int32_t activation, float* y, void* memory,
                 size_t bytes);

#endif
#endif
