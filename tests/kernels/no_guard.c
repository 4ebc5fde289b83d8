/* kernels/src/fpstate.c without its effect: the caller's mode stays on. Linked in its place to prove that the
 * test of the guard would see it missing. */
#include "bitmar_kernels.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
bm_fp_state bm_fp_enter(void) { return _mm_getcsr(); }
void bm_fp_leave(bm_fp_state saved) { _mm_setcsr(saved); }
#else
bm_fp_state bm_fp_enter(void) { return 0; }
void bm_fp_leave(bm_fp_state saved) { (void)saved; }
#endif
