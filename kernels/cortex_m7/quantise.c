/* From floats to the int16 columns that pl14 and c5 multiply, and from int32 sums back to floats. */
#include "asm.h"

#if defined(BM_HAVE_DSP)

#if defined(BM_DSP_FPV5)

/* The largest |x| of 8 * n numbers, as the bits of a float. VMAXNM takes the number where one operand is a
 * NaN. */
static DSP_ASM uint32_t absmax(const float* x, int32_t n) {
  __asm__ volatile(
      "movs r2, #0\n"
      ".irp i,8,9,10,11\n vmov s\\i, r2\n.endr\n"
      "1: vldmia r0!, {s0-s7}\n"
      DSP_EIGHT("vabs.f32 s\\i, s\\i")
      "vmaxnm.f32 s8, s8, s0\n vmaxnm.f32 s9, s9, s1\n vmaxnm.f32 s10, s10, s2\n vmaxnm.f32 s11, s11, s3\n"
      "vmaxnm.f32 s8, s8, s4\n vmaxnm.f32 s9, s9, s5\n vmaxnm.f32 s10, s10, s6\n vmaxnm.f32 s11, s11, s7\n"
      "subs r1, #1\n"
      "bne 1b\n"
      "vmaxnm.f32 s8, s8, s9\n vmaxnm.f32 s10, s10, s11\n vmaxnm.f32 s8, s8, s10\n"
      "vmov r0, s8\n"
      "bx lr\n");
}

float bm_dsp_absmax(const float* x, int32_t n) {
  float m = 1e-5f;
  int32_t rest = n % 8;
  if (n >= 8) {
    float most = bm_from_bits(absmax(x, n / 8));
    m = most > m ? most : m;
  }
  if (rest) {
    float most = bm_absmax(x + n - rest, rest);
    m = most > m ? most : m;
  }
  return m;
}

#else
float bm_dsp_absmax(const float* x, int32_t n) { return bm_absmax(x, n); }
#endif

/* Eight columns: r0 x, s8 r, r3 the output, r2 the bytes from one run of four columns to the next; leaves the
 * columns in r4..r7. VCVTR rounds as the FP state says, to nearest even; a NaN gives 0. */
#define EIGHT_COLUMNS \
  "vldmia r0!, {s0-s7}\n"                      \
  DSP_EIGHT("vmul.f32 s\\i, s\\i, s8")         \
  DSP_EIGHT("vcvtr.s32.f32 s\\i, s\\i")        \
  "vmov r4, r5, s0, s1\n vmov r6, r7, s2, s3\n" \
  "pkhbt r4, r4, r5, lsl #16\n"                \
  "pkhbt r5, r6, r7, lsl #16\n"                \
  "strd r4, r5, [r3]\n add r3, r2\n"           \
  "vmov r6, r7, s4, s5\n vmov r8, r12, s6, s7\n" \
  "pkhbt r6, r6, r7, lsl #16\n"                \
  "pkhbt r7, r8, r12, lsl #16\n"               \
  "strd r6, r7, [r3]\n add r3, r2\n"

/* sum (r10) and magnitude (r9) of two columns; r11 has ones, r12 zero */
#define ADD_UP(word)      \
  "smlad r10, " word      \
  ", r11, r10\n"          \
  "ssub16 r8, r12, " word \
  "\n"                    \
  "sel r8, r8, " word     \
  "\n"                    \
  "smlad r9, r8, r11, r9\n"

/* out[16 * groups] = rne(x * r), a run of four columns every `step` bytes. */
static DSP_ASM void columns(const float* x, int32_t groups, int32_t step, int16_t* out, uint32_t r) {
  __asm__ volatile(
      "push {r4-r8, lr}\n"
      "vldr s8, [sp, #24]\n"
      "1:\n" EIGHT_COLUMNS EIGHT_COLUMNS
      "subs r1, #1\n"
      "bne 1b\n"
      "pop {r4-r8, pc}\n");
}

/* The same, and each group's sum of q and of |q|. */
static DSP_ASM void columns_and_sums(const float* x, int32_t groups, int32_t step, int16_t* out, uint32_t r,
                                     dsp_sums* sums) {
  __asm__ volatile(
      "push {r4-r11, lr}\n"
      "vldr s8, [sp, #36]\n"
      "ldr lr, [sp, #40]\n"
      "mov r11, #0x00010001\n"
      "1: movs r4, #0\n mov r9, r4\n mov r10, r4\n"
      ".rept 2\n"
      EIGHT_COLUMNS
      "mov r12, #0\n"
      ADD_UP("r4") ADD_UP("r5") ADD_UP("r6") ADD_UP("r7")
      ".endr\n"
      "stmia lr!, {r9, r10}\n"
      "subs r1, #1\n"
      "bne 1b\n"
      "pop {r4-r11, pc}\n");
}

void bm_dsp_quantise(const float* x, int32_t n, float r, int32_t step, int16_t* out, dsp_sums* sums) {
  int32_t rest = n % 16, groups = n / 16;
  uint32_t bits = bm_bits(r);
  if (groups) {
    if (sums)
      columns_and_sums(x, groups, step, out, bits, sums);
    else
      columns(x, groups, step, out, bits);
  }
  if (!rest) return;
  float last[16] = {0.0f};
  memcpy(last, x + n - rest, (size_t)rest * sizeof *last);
  out = (int16_t*)((char*)out + 4 * groups * step);
  if (sums)
    columns_and_sums(last, 1, step, out, bits, sums + groups);
  else
    columns(last, 1, step, out, bits);
}

#define TO_FLOATS \
  "1: vldmia r0, {s0-s7}\n" DSP_EIGHT("vcvt.f32.s32 s\\i, s\\i") DSP_EIGHT("vmul.f32 s\\i, s\\i, s8")
#define STORE             \
  "vstmia r0!, {s0-s7}\n" \
  "subs r1, #1\n"         \
  "bne 1b\n"              \
  "bx lr\n"

DSP_ASM void bm_dsp_scale_8(float* y, int32_t n, uint32_t scale) {
  __asm__ volatile("vmov s8, r2\n" TO_FLOATS STORE);
}

#if defined(BM_DSP_FPV5)
/* The same with squared ReLU. */
static DSP_ASM void scale_squared_relu_8(float* y, int32_t n, uint32_t scale) {
  __asm__ volatile("vmov s8, r2\n movs r3, #0\n vmov s9, r3\n" TO_FLOATS DSP_EIGHT(
      "vmaxnm.f32 s\\i, s\\i, s9") DSP_EIGHT("vmul.f32 s\\i, s\\i, s\\i") STORE);
}
#endif

void bm_dsp_scale(const bm_ternary* w, float d, int32_t activation, float* y) {
  int32_t n = w->rows, done = 0, relu = activation == BM_ACTIVATION_SQUARED_RELU;
  if (!w->gamma_per_row && n >= 8) {
    uint32_t scale = bm_bits(d * w->gamma[0]);
#if defined(BM_DSP_FPV5)
    if (relu)
      scale_squared_relu_8(y, n / 8, scale);
    else
      bm_dsp_scale_8(y, n / 8, scale);
    done = n / 8 * 8;
#else
    if (!relu) bm_dsp_scale_8(y, n / 8, scale), done = n / 8 * 8;
#endif
  }
  for (; done < n; done++) {
    float t = (float)(int32_t)bm_bits(y[done]) * (d * w->gamma[w->gamma_per_row ? done : 0]);
    if (relu) t = t > 0.0f ? t * t : 0.0f;
    y[done] = t;
  }
}

#endif
