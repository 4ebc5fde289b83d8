/* The caller's FP mode is not ours: TensorFlow Lite flushes denormals to zero while it invokes, the Cortex-M7
 * does not, and a host program may round differently. Control registers: Intel SDM vol. 1, 10.2.3 (MXCSR);
 * Arm ARM, FPCR/FPSCR. */
#include "internal.h"

#if defined(__x86_64__) || defined(__SSE__)
#include <xmmintrin.h>

bm_fp_state bm_fp_enter(void) {
  bm_fp_state saved = _mm_getcsr();
  _mm_setcsr(0x1F80); /* exceptions masked, to nearest, FTZ and DAZ off */
  return saved;
}

void bm_fp_leave(bm_fp_state saved) { _mm_setcsr(saved); }

#elif defined(__aarch64__)

bm_fp_state bm_fp_enter(void) {
  uint64_t saved;
  __asm__ volatile("mrs %0, fpcr" : "=r"(saved)::"memory");
  /* a write to FPCR may serialise the pipeline: only where it changes something */
  if (saved) __asm__ volatile("msr fpcr, xzr" ::: "memory");
  return (bm_fp_state)saved;
}

void bm_fp_leave(bm_fp_state saved) {
  uint64_t wide = saved;
  if (saved) __asm__ volatile("msr fpcr, %0" ::"r"(wide) : "memory");
}

#elif defined(__arm__) && defined(__ARM_FP)

bm_fp_state bm_fp_enter(void) {
  bm_fp_state saved;
  __asm__ volatile("vmrs %0, fpscr" : "=r"(saved)::"memory");
  __asm__ volatile("vmsr fpscr, %0" ::"r"(0) : "memory");
  return saved;
}

void bm_fp_leave(bm_fp_state saved) { __asm__ volatile("vmsr fpscr, %0" ::"r"(saved) : "memory"); }

#else

bm_fp_state bm_fp_enter(void) { return 0; }
void bm_fp_leave(bm_fp_state saved) { (void)saved; }

#endif
