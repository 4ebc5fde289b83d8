/* aarch64 with SDOT (Cortex-A76: Raspberry Pi 5), chosen at run time. */
#include "neon.h"

#if defined(BM_HAVE_NEON_DOTPROD)

#if defined(__linux__)
#include <sys/auxv.h>
#endif

#if defined(__ARM_FEATURE_DOTPROD)
#define DOTPROD
#else
#define DOTPROD __attribute__((target("arch=armv8.2-a+dotprod")))
#endif

/* The codes stay where they are in their bytes: only the last of four needs a shift, so that no byte is
 * negative. The sums of the others are 4 and 16 times too large. */
typedef struct rm2_sums {
  int32x4_t by_1, by_4, by_16;
} rm2_sums;

NEON_INLINE void rm2_zero(rm2_sums* s) { s->by_1 = s->by_4 = s->by_16 = vdupq_n_s32(0); }

DOTPROD NEON_INLINE void rm2_block(rm2_sums* s, uint8x16_t bytes, const int8x16_t x[4], int32_t b) {
  (void)b;
  s->by_1 = vdotq_s32(s->by_1, vreinterpretq_s8_u8(vandq_u8(bytes, vdupq_n_u8(0x03))), x[0]);
  s->by_4 = vdotq_s32(s->by_4, vreinterpretq_s8_u8(vandq_u8(bytes, vdupq_n_u8(0x0C))), x[1]);
  s->by_16 = vdotq_s32(s->by_16, vreinterpretq_s8_u8(vandq_u8(bytes, vdupq_n_u8(0x30))), x[2]);
  s->by_1 = vdotq_s32(s->by_1, vreinterpretq_s8_u8(vshrq_n_u8(bytes, 6)), x[3]);
}

NEON_INLINE int32x4_t rm2_row(const rm2_sums* s) {
  return vsraq_n_s32(vsraq_n_s32(s->by_1, s->by_4, 2), s->by_16, 4);
}

#define RM2 DOTPROD
#include "rm2.h"

DOTPROD static void dot_b3(const uint8_t* packed, int32_t groups, const bm_token* token, int32_t* acc) {
  int32_t cols = token->cols;
  for (int32_t g = 0; g < groups; g++, packed += cols, acc += 5) {
    const int8_t* x = token->data;
    int32x4_t s[5] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
    for (int32_t c = 0; c < cols; c += 16) {
      int8x16_t q[5], xc = vld1q_s8(x + c);
      neon_b3(neon_load(packed + c, cols - c), q);
      for (int32_t i = 0; i < 5; i++) s[i] = vdotq_s32(s[i], q[i], xc);
    }
    neon_b3_finish(s, token->sum, acc);
  }
}

DOTPROD static int32_t dot_s8(const int8_t* a, const int8_t* b, int32_t n) {
  int32x4_t sum = vdupq_n_s32(0);
  int32_t i = 0;
  for (; i + 16 <= n; i += 16) sum = vdotq_s32(sum, vld1q_s8(a + i), vld1q_s8(b + i));
  int32_t total = vaddvq_s32(sum);
  for (; i < n; i++) total += a[i] * b[i];
  return total;
}

static int available(void) {
#if defined(__ARM_FEATURE_DOTPROD)
  return 1;
#elif defined(__linux__)
  return (getauxval(AT_HWCAP) >> 20 & 1) != 0; /* HWCAP_ASIMDDP */
#else
  return 0;
#endif
}

const bm_backend bm_backend_neon_dotprod = {
    .name = "neon+dotprod",
    .available = available,
    .fastest = BM_LAYOUT_RM2,
    .absmax = bm_absmax,
    .prepare = bm_neon_prepare,
    .dot = {dot_rm2, dot_b3, bm_portable_dot_pl14, bm_portable_dot_c5},
    .dot_s8 = dot_s8,
};

#endif
