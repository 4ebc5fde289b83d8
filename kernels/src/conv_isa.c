#include "vision.h"

const bm_conv_isa* bm_conv_current(void) {
#if BM_ONLY_DSP
  return &bm_conv_dsp;
#else
#if defined(BM_HAVE_DSP)
  if (bm_backend_current() == &bm_backend_dsp) return &bm_conv_dsp;
#endif
  return &bm_conv_portable;
#endif
}
