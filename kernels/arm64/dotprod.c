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

DOTPROD static void dot_rm2(const uint8_t* packed, int32_t rows, const bm_token* token, int32_t* acc) {
  int32_t bytes = bm_rm2_row_bytes(token->cols);
  for (int32_t r = 0; r < rows; r++, packed += bytes) {
    const int8_t* x = token->data;
    int32x4_t sum = vdupq_n_s32(0);
    for (int32_t j = 0; j < bytes; j += 16, x += 64) {
      int8x16_t codes[4];
      neon_rm2(neon_load(packed + j, bytes - j), codes);
      for (int32_t k = 0; k < 4; k++) sum = vdotq_s32(sum, codes[k], vld1q_s8(x + 16 * k));
    }
    acc[r] = vaddvq_s32(sum) - token->sum;
  }
}

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
    .absmax = bm_absmax,
    .prepare = bm_neon_prepare,
    .dot = {dot_rm2, dot_b3, bm_portable_dot_pl14, bm_portable_dot_c5},
    .dot_s8 = dot_s8,
};

#endif
