/* One head of BITMAR_CACHED_ATTENTION_INT8 on the Cortex-M7: four codes a word, two products an instruction.
 */
#include "asm.h"

#if defined(BM_HAVE_DSP)

/* Eight codes at r1 times the eight int16 at r6, in the order of pair_up, join the sum r12. */
#define EIGHT_CODES                                   \
  "ldmia r6!, {r8-r11}\n ldrd r4, r5, [r1], #8\n"     \
  "sxtb16 lr, r4\n sxtb16 r4, r4, ror #8\n"           \
  "smlad r12, lr, r8, r12\n smlad r12, r4, r9, r12\n" \
  "sxtb16 lr, r5\n sxtb16 r5, r5, ror #8\n"           \
  "smlad r12, lr, r10, r12\n smlad r12, r5, r11, r12\n"

/* sums[count] of 16 * sixteens factors and as many codes, `skip` bytes after each row of codes. */
static DSP_ASM void dots(const int16_t* factors, const int8_t* codes, size_t skip, int32_t sixteens,
                         int32_t count, int32_t* sums) {
  __asm__ volatile(
      "push {r4-r11, lr}\n"
      "ldrd r4, r7, [sp, #36]\n"
      "add r4, r7, r4, lsl #2\n"
      "str r4, [sp, #36]\n"
      "add r3, r0, r3, lsl #5\n"
      "1: mov r6, r0\n"
      "mov r12, #0\n"
      "2:\n" EIGHT_CODES EIGHT_CODES
      "cmp r6, r3\n"
      "bne 2b\n"
      "str r12, [r7], #4\n"
      "add r1, r2\n"
      "ldr r4, [sp, #36]\n"
      "cmp r7, r4\n"
      "bne 1b\n"
      "pop {r4-r11, pc}\n");
}

/* s[8 * n]: int32 sums become floats times (t * scales[i]). */
static DSP_ASM void scale_each_8(float* s, const float* scales, int32_t n, uint32_t t) {
  __asm__ volatile(
      "vpush {s16}\n"
      "vmov s16, r3\n"
      "1: vldmia r0, {s0-s7}\n"
      "vldmia r1!, {s8-s15}\n"
      DSP_EIGHT("vcvt.f32.s32 s\\i, s\\i")
      ".irp i,8,9,10,11,12,13,14,15\n vmul.f32 s\\i, s16, s\\i\n.endr\n"
      "vmul.f32 s0, s0, s8\n vmul.f32 s1, s1, s9\n vmul.f32 s2, s2, s10\n vmul.f32 s3, s3, s11\n"
      "vmul.f32 s4, s4, s12\n vmul.f32 s5, s5, s13\n vmul.f32 s6, s6, s14\n vmul.f32 s7, s7, s15\n"
      "vstmia r0!, {s0-s7}\n"
      "subs r2, #1\n"
      "bne 1b\n"
      "vpop {s16}\n"
      "bx lr\n");
}

/* Of s[8 * n]: sums[0] their sum; s[i] *= scales[i], sums[1] the sum of these; both sums go on from what they
 * are. */
static DSP_ASM void sum_and_scale_8(float* s, const float* scales, int32_t n, float* sums) {
  __asm__ volatile(
      "vpush {s16-s17}\n"
      "vldmia r3, {s16-s17}\n"
      "1: vldmia r0, {s0-s7}\n"
      "vldmia r1!, {s8-s15}\n"
      DSP_EIGHT("vadd.f32 s16, s16, s\\i")
      "vmul.f32 s0, s0, s8\n vmul.f32 s1, s1, s9\n vmul.f32 s2, s2, s10\n vmul.f32 s3, s3, s11\n"
      "vmul.f32 s4, s4, s12\n vmul.f32 s5, s5, s13\n vmul.f32 s6, s6, s14\n vmul.f32 s7, s7, s15\n"
      DSP_EIGHT("vadd.f32 s17, s17, s\\i")
      "vstmia r0!, {s0-s7}\n"
      "subs r2, #1\n"
      "bne 1b\n"
      "vstmia r3, {s16-s17}\n"
      "vpop {s16-s17}\n"
      "bx lr\n");
}

/* Columns 0 1 2 3 become 0 2 1 3, as SXTB16 leaves the codes of a word. */
static void pair_up(int16_t* x, int32_t n) {
  for (int32_t i = 0; i < n; i += 4) {
    uint32_t pair[2];
    memcpy(pair, x + i, sizeof pair);
    uint32_t even = (pair[0] & 0xFFFF) | pair[1] << 16, odd = pair[0] >> 16 | (pair[1] & 0xFFFF0000u);
    pair[0] = even, pair[1] = odd;
    memcpy(x + i, pair, sizeof pair);
  }
}

void bm_dsp_codes(const float* x, int32_t n, float r, int8_t* codes, size_t step) {
  int16_t part[64];
  for (int32_t at = 0, left; (left = n - at) > 0; at += 64) {
    left = left < 64 ? left : 64;
    bm_dsp_quantise(x + at, left, r, 8, part, NULL);
#pragma GCC unroll 4
    for (int32_t i = 0; i < left; i++, codes += step) *codes = (int8_t)part[i];
  }
}

static int aligned(const void* p) { return (uintptr_t)p % 4 == 0; }

int bm_dsp_attend_int8(const bm_int8_head* h, const float* q, float* y, void* scratch) {
  const float *k_scales = (const float*)h->k_scales, *v_scales = (const float*)h->v_scales;
  int32_t dh = h->dh, count = h->count, rest = count % 8, all = (count + 15) / 16 * 16;
  if (dh % 16 || h->window % 16 || !aligned(h->k_codes) || !aligned(h->v_codes) || !aligned(y)) return 0;
  float *s = scratch, sums[2] = {0.0f, 0.0f};
  int16_t *weights = (int16_t*)(s + h->window), *query = weights + h->window;
  float m = bm_dsp_absmax(q, dh), root = 1.0f / __builtin_sqrtf((float)dh);
  bm_dsp_quantise(q, dh, 127.0f / m, 8, query, NULL);
  pair_up(query, dh);
  dots(query, h->k_codes, 0, dh / 16, count, (int32_t*)s);
  scale_each_8(s, k_scales, (count + 7) / 8, bm_bits(m / 127.0f * root));
  float max = s[0];
#pragma GCC unroll 4
  for (int32_t i = 1; i < count; i++) max = s[i] > max ? s[i] : max;
#pragma GCC unroll 4
  for (int32_t i = 0; i < count; i++) s[i] = bm_exp32_inline(s[i] - max);
  if (count >= 8) sum_and_scale_8(s, v_scales, count / 8, sums);
  for (int32_t i = count - rest; i < count; i++) {
    sums[0] += s[i];
    s[i] = s[i] * v_scales[i];
    sums[1] += s[i];
  }
  for (int32_t i = count; i < all; i++) s[i] = 0.0f;
  bm_dsp_quantise(s, all, 32767.0f / sums[1], 8, weights, NULL);
  pair_up(weights, all);
  dots(weights, h->v_codes, (size_t)(h->window - all), all / 16, dh, (int32_t*)y);
  bm_dsp_scale_8(y, dh / 8, bm_bits(sums[1] / (sums[0] * 32767.0f)));
  return 1;
}

#endif
