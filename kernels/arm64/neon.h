/* Shared by the aarch64 variants: the form of a token, and how codes come out of packed bytes. */
#ifndef BITMAR_KERNELS_NEON_H_
#define BITMAR_KERNELS_NEON_H_

#include "../src/internal.h"

#if defined(BM_HAVE_NEON)

#include <arm_neon.h>

#define NEON_INLINE static inline __attribute__((always_inline))

/* Data of a token: int8 q[padded], zero-padded. For rm2 in blocks of 64 columns as four runs of 16 bytes, run
 * k holding the columns 4j + k, because byte j of the weights has their codes; for b3 in order. */
void bm_neon_prepare(bm_token* token, const float* x, float r);

/* 16 bytes at p, of which `n` exist; the others are 0. */
NEON_INLINE uint8x16_t neon_load(const uint8_t* p, int32_t n) {
  if (n >= 16) return vld1q_u8(p);
  uint8_t rest[16] = {0};
  memcpy(rest, p, (size_t)n);
  return vld1q_u8(rest);
}

/* v * factor >> (8 + shift): exact quotients by 3, 9, 27 and 81 for all bytes, with the constants below */
NEON_INLINE uint8x16_t neon_scaled(uint8x16_t v, uint8_t factor) {
  uint8x16_t f = vdupq_n_u8(factor);
  uint16x8_t low = vmull_u8(vget_low_u8(v), vget_low_u8(f)), high = vmull_high_u8(v, f);
  return vuzp2q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high));
}

/* For 16 columns: q[0] = code of row 0, q[i] = byte / 3^i. dot_i = sum(x q_i) - 3 sum(x q_(i+1)) - sum(x) for
 * i = 1..4, dot_0 = sum(x q_0) - sum(x). All q fit an int8. */
NEON_INLINE void neon_b3(uint8x16_t v, int8x16_t q[5]) {
  uint8x16_t q1 = vshrq_n_u8(neon_scaled(v, 171), 1);
  q[0] = vreinterpretq_s8_u8(vmlsq_u8(v, q1, vdupq_n_u8(3)));
  q[1] = vreinterpretq_s8_u8(q1);
  q[2] = vreinterpretq_s8_u8(vshrq_n_u8(neon_scaled(v, 57), 1));
  q[3] = vreinterpretq_s8_u8(vshrq_n_u8(neon_scaled(v, 19), 1));
  q[4] = vreinterpretq_s8_u8(vshrq_n_u8(neon_scaled(v, 203), 6));
}

NEON_INLINE void neon_b3_finish(const int32x4_t s[5], int32_t sum, int32_t* acc) {
  int32_t s1 = vaddvq_s32(s[1]), s2 = vaddvq_s32(s[2]), s3 = vaddvq_s32(s[3]), s4 = vaddvq_s32(s[4]);
  acc[0] = vaddvq_s32(s[0]) - sum;
  acc[1] = s1 - 3 * s2 - sum;
  acc[2] = s2 - 3 * s3 - sum;
  acc[3] = s3 - 3 * s4 - sum;
  acc[4] = s4 - sum;
}

/* For 16 bytes of rm2: the codes of columns 4j + k. */
NEON_INLINE void neon_rm2(uint8x16_t v, int8x16_t codes[4]) {
  uint8x16_t three = vdupq_n_u8(3);
  codes[0] = vreinterpretq_s8_u8(vandq_u8(v, three));
  codes[1] = vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(v, 2), three));
  codes[2] = vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(v, 4), three));
  codes[3] = vreinterpretq_s8_u8(vshrq_n_u8(v, 6));
}

#endif
#endif
