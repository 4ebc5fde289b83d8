/* aarch64 without dot product instructions (Cortex-A72: Raspberry Pi 4). */
#include "neon.h"

#if defined(BM_HAVE_NEON)

/* FCVTNS rounds to nearest even whatever the mode is, and gives 0 for a NaN. */
static void quantise(const float* x, int32_t n, float r, int8_t* q) {
  int32_t i = 0;
  for (; i + 8 <= n; i += 8) {
    int32x4_t a = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + i), r));
    int32x4_t b = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + i + 4), r));
    vst1_s8(q + i, vmovn_s16(vcombine_s16(vmovn_s32(a), vmovn_s32(b))));
  }
  bm_quantise_with(x + i, n - i, r, q + i);
}

void bm_neon_prepare(bm_token* token, const float* x, float r) {
  int32_t cols = token->cols, padded = bm_padded(cols);
  int8_t* q = token->data;
  if (token->layout > BM_LAYOUT_B3) {
    bm_portable_prepare(token, x, r);
    return;
  }
  quantise(x, cols, r, q);
  memset(q + cols, 0, (size_t)(padded - cols));
  token->sum = bm_sum(q, cols);
  for (int32_t c = 0; token->layout == BM_LAYOUT_RM2 && c < padded; c += 64) {
    int8x16x4_t runs = vld4q_s8(q + c);
    for (int32_t k = 0; k < 4; k++) vst1q_s8(q + c + 16 * k, runs.val[k]);
  }
}

/* int16 sums of the two halves of 16 columns each: 32 blocks of at most 4 * 2 * 127 fit. */
typedef struct rm2_sums {
  int16x8_t low, high;
  int32x4_t wide;
} rm2_sums;

NEON_INLINE void rm2_zero(rm2_sums* s) {
  s->low = s->high = vdupq_n_s16(0);
  s->wide = vdupq_n_s32(0);
}

NEON_INLINE void rm2_block(rm2_sums* s, uint8x16_t bytes, const int8x16_t x[4], int32_t b) {
  int8x16_t codes[4];
  neon_rm2(bytes, codes);
  if (b % 32 == 31) {
    s->wide = vpadalq_s16(vpadalq_s16(s->wide, s->low), s->high);
    s->low = s->high = vdupq_n_s16(0);
  }
  for (int k = 0; k < 4; k++) {
    s->low = vmlal_s8(s->low, vget_low_s8(codes[k]), vget_low_s8(x[k]));
    s->high = vmlal_high_s8(s->high, codes[k], x[k]);
  }
}

NEON_INLINE int32x4_t rm2_row(const rm2_sums* s) {
  return vpadalq_s16(vpadalq_s16(s->wide, s->low), s->high);
}

#define RM2
#include "rm2.h"

static void dot_b3(const uint8_t* packed, int32_t groups, const bm_token* token, int32_t* acc) {
  int32_t cols = token->cols;
  for (int32_t g = 0; g < groups; g++, packed += cols, acc += 5) {
    const int8_t* x = token->data;
    int32x4_t s[5] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
    for (int32_t c = 0; c < cols; c += 16) {
      int8x16_t q[5], xc = vld1q_s8(x + c);
      neon_b3(neon_load(packed + c, cols - c), q);
      for (int32_t i = 0; i < 5; i++) { /* at most 2 * 85 * 127 */
        int16x8_t products = vmull_s8(vget_low_s8(q[i]), vget_low_s8(xc));
        s[i] = vpadalq_s16(s[i], vmlal_high_s8(products, q[i], xc));
      }
    }
    neon_b3_finish(s, token->sum, acc);
  }
}

static int32_t dot_s8(const int8_t* a, const int8_t* b, int32_t n) {
  int32x4_t sum = vdupq_n_s32(0);
  int32_t i = 0;
  for (; i + 16 <= n; i += 16) {
    int8x16_t va = vld1q_s8(a + i), vb = vld1q_s8(b + i);
    sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(va), vget_low_s8(vb)));
    sum = vpadalq_s16(sum, vmull_high_s8(va, vb));
  }
  int32_t total = vaddvq_s32(sum);
  for (; i < n; i++) total += a[i] * b[i];
  return total;
}

static int available(void) { return 1; }

const bm_backend bm_backend_neon = {
    .name = "neon",
    .available = available,
    .fastest = BM_LAYOUT_RM2,
    .absmax = bm_absmax,
    .prepare = bm_neon_prepare,
    .dot = {dot_rm2, dot_b3, bm_portable_dot_pl14, bm_portable_dot_c5},
    .dot_s8 = dot_s8,
};

#endif
