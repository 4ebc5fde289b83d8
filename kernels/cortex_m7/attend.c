/* Attention on the Cortex-M7: the additions of attend.c in their order, eight numbers a load. */
#include "asm.h"

#if defined(BM_HAVE_DSP)

/* Eight products join the four sums s16..s19; r6 one operand, r1 the other. */
#define EIGHT_PRODUCTS                                                                                \
  "vldmia r6!, {s0-s7}\n vldmia r1!, {s8-s15}\n"                                                      \
  "vmul.f32 s8, s0, s8\n vmul.f32 s9, s1, s9\n vmul.f32 s10, s2, s10\n vmul.f32 s11, s3, s11\n"       \
  "vmul.f32 s12, s4, s12\n vmul.f32 s13, s5, s13\n vmul.f32 s14, s6, s14\n vmul.f32 s15, s7, s15\n"   \
  "vadd.f32 s16, s16, s8\n vadd.f32 s17, s17, s9\n vadd.f32 s18, s18, s10\n vadd.f32 s19, s19, s11\n" \
  "vadd.f32 s16, s16, s12\n vadd.f32 s17, s17, s13\n vadd.f32 s18, s18, s14\n vadd.f32 s19, s19, s15\n"

/* s[count] = (the sum of products of q and a key) * scale for keys of 16 * sixteens numbers, `skip` bytes
 * after each. */
static DSP_ASM void lane_dots(const float* q, const float* keys, size_t skip, int32_t count, int32_t sixteens,
                              const float* scale, float* s) {
  __asm__ volatile(
      "push {r4-r7, lr}\n"
      "vpush {s16-s21}\n"
      "ldrd r4, r7, [sp, #44]\n"
      "ldr r5, [sp, #52]\n"
      "vldr s20, [r7]\n"
      "movs r6, #0\n"
      "vmov s21, r6\n"
      "1: mov r6, r0\n"
      "mov r7, r4\n"
      ".irp i,16,17,18,19\n vmov.f32 s\\i, s21\n.endr\n"
      "2:\n" EIGHT_PRODUCTS EIGHT_PRODUCTS
      "subs r7, #1\n"
      "bne 2b\n"
      "vadd.f32 s16, s16, s17\n"
      "vadd.f32 s18, s18, s19\n"
      "vadd.f32 s16, s16, s18\n"
      "vmul.f32 s16, s16, s20\n"
      "vstmia r5!, {s16}\n"
      "add r1, r2\n"
      "subs r3, #1\n"
      "bne 1b\n"
      "vpop {s16-s21}\n"
      "pop {r4-r7, pc}\n");
}

/* Eight columns of a row of values, times the row's weight, join their sums, s<first> and on. */
#define EIGHT_COLUMNS(s0, s1, s2, s3, s4, s5, s6, s7)                                  \
  "vldmia r1!, {s16-s23}\n"                                                            \
  ".irp i,16,17,18,19,20,21,22,23\n vmul.f32 s\\i, s\\i, s24\n.endr\n"                 \
  "vadd.f32 " s0 ", " s0 ", s16\n vadd.f32 " s1 ", " s1 ", s17\n vadd.f32 " s2 ", " s2 \
  ", s18\n"                                                                            \
  "vadd.f32 " s3 ", " s3 ", s19\n vadd.f32 " s4 ", " s4 ", s20\n vadd.f32 " s5 ", " s5 \
  ", s21\n"                                                                            \
  "vadd.f32 " s6 ", " s6 ", s22\n vadd.f32 " s7 ", " s7 ", s23\n"

/* y[16] = the sum over n rows of weights[row] * 16 columns, `skip` bytes after each row's. */
static DSP_ASM void weighted_sum_16(const float* weights, const float* values, size_t skip, int32_t n,
                                    float* y) {
  __asm__ volatile(
      "vpush {s16-s25}\n"
      "movs r12, #0\n"
      ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n vmov s\\i, r12\n.endr\n"
      "1: vldmia r0!, {s24}\n"
      EIGHT_COLUMNS("s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7")
      EIGHT_COLUMNS("s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15")
      "add r1, r2\n"
      "subs r3, #1\n"
      "bne 1b\n"
      "ldr r12, [sp, #40]\n"
      "vstmia r12, {s0-s15}\n"
      "vpop {s16-s25}\n"
      "bx lr\n");
}

static int all_take_part(const int32_t* mask, int32_t n) {
  while (n > 0 && mask[n - 1]) n--;
  return n == 0;
}

float bm_dsp_lane_dot(const float* a, const float* b, int32_t n) {
  float one = 1.0f, sum;
  lane_dots(a, b, 0, 1, n / 16, &one, &sum);
  return sum;
}

int bm_dsp_attend(const bm_attend_args* a, const float* q, float* s, float* y) {
  if (a->dh % 16 || a->count <= 0 || (a->mask && !all_take_part(a->mask, a->count))) return 0;
  size_t row = a->stride * sizeof(float);
  lane_dots(q, a->keys, row - (size_t)a->dh * sizeof(float), a->count, a->dh / 16, &a->scale, s);
  bm_softmax(s, NULL, a->count);
  for (int32_t c = 0; c < a->dh; c += 16)
    weighted_sum_16(s, a->values + c, row - 16 * sizeof(float), a->count, y + c);
  return 1;
}

#endif
