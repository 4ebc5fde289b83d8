/* Two int8 vectors times the rows of a matrix. Unpacking a row to 16 bits is as much work as a product with
 * it, so both vectors are unpacked once and each row serves both; two rows at a time share the loads of the
 * vectors. */
#include "dsp.h"

#if defined(BM_HAVE_DSP)

enum { MOST = 256 }; /* columns: 1 KB of stack */

#define SXTB16(d, w) __asm__ volatile("sxtb16 %0, %1" : "=r"(d) : "r"(w))
#define SXTB16_8(d, w) __asm__ volatile("sxtb16 %0, %1, ror #8" : "=r"(d) : "r"(w))

/* For each four columns the halves 0 and 2, 1 and 3 of a, then of b. */
static void unpack(const int8_t* a, const int8_t* b, int32_t n, uint32_t* halves) {
  for (int32_t i = 0; i < n; i += 4, halves += 4) {
    uint32_t wa = dsp_load((const uint8_t*)a + i), wb = dsp_load((const uint8_t*)b + i);
    SXTB16(halves[0], wa);
    SXTB16_8(halves[1], wa);
    SXTB16(halves[2], wb);
    SXTB16_8(halves[3], wb);
  }
}

/* The sums of a row and of the one `next` bytes after it: a, b, a, b. */
static inline void two_rows(const uint32_t* halves, const uint32_t* end, const uint8_t* row, int32_t next,
                            int32_t sum[4]) {
  int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma GCC unroll 2
  for (; halves != end; row += 4) {
    uint32_t a0, a1, b0, b1, word, half;
    DSP_LDRD(a0, a1, halves);
    DSP_LDRD(b0, b1, halves);
    word = dsp_load(row);
    SXTB16(half, word);
    DSP_SMLAD(s0, half, a0);
    DSP_SMLAD(s1, half, b0);
    SXTB16_8(half, word);
    DSP_SMLAD(s0, half, a1);
    DSP_SMLAD(s1, half, b1);
    word = dsp_load(row + next);
    SXTB16(half, word);
    DSP_SMLAD(s2, half, a0);
    DSP_SMLAD(s3, half, b0);
    SXTB16_8(half, word);
    DSP_SMLAD(s2, half, a1);
    DSP_SMLAD(s3, half, b1);
  }
  sum[0] = s0, sum[1] = s1, sum[2] = s2, sum[3] = s3;
}

int bm_dsp_dots(const int8_t* a, const int8_t* b, const int8_t* rows, int32_t count, int32_t n,
                int32_t* with_a, int32_t* with_b) {
  uint32_t halves[MOST];
  if (n > MOST || n % 4) return 0;
  unpack(a, b, n, halves);
  for (int32_t i = 0; i < count; i += 2, rows += 2 * n) {
    const int32_t two = i + 1 < count;
    int32_t sum[4];
    two_rows(halves, halves + n, (const uint8_t*)rows, two ? n : 0, sum);
    with_a[i] = sum[0], with_b[i] = sum[1];
    if (two) with_a[i + 1] = sum[2], with_b[i + 1] = sum[3];
  }
  return 1;
}

#endif
