/* Chooses the instruction-set variant. All variants compute the same integers, so a race between two first
 * uses is harmless: both store the same pointer. */
#include <stdatomic.h>

#include "internal.h"

/* from the slowest to the fastest */
static const bm_backend* const kBackends[] = {
#if !BM_ONLY_DSP
    &bm_backend_portable,
#endif
#if defined(BM_HAVE_AVX2)
    &bm_backend_avx2,
#endif
#if defined(BM_HAVE_VNNI)
    &bm_backend_avxvnni,  &bm_backend_avx512vnni,
#endif
#if defined(BM_HAVE_NEON)
    &bm_backend_neon,     &bm_backend_neon_dotprod,
#endif
#if defined(BM_HAVE_DSP)
    &bm_backend_dsp,
#endif
};
enum { BACKENDS = sizeof kBackends / sizeof kBackends[0] };

static _Atomic(const bm_backend*) current;

const bm_backend* bm_backend_current(void) {
  const bm_backend* isa = atomic_load_explicit(&current, memory_order_relaxed);
  if (isa) return isa;
  for (int i = BACKENDS - 1; !isa; i--) {
    if (kBackends[i]->available()) isa = kBackends[i];
  }
  atomic_store_explicit(&current, isa, memory_order_relaxed);
  return isa;
}

const char* bm_isa(void) { return bm_backend_current()->name; }

bm_status bm_isa_select(const char* name) {
  if (!name) {
    atomic_store_explicit(&current, NULL, memory_order_relaxed);
    return BM_OK;
  }
  for (int i = 0; i < BACKENDS; i++) {
    if (!strcmp(kBackends[i]->name, name) && kBackends[i]->available()) {
      atomic_store_explicit(&current, kBackends[i], memory_order_relaxed);
      return BM_OK;
    }
  }
  return BM_ERR_OPTION;
}
