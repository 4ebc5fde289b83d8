/** Every op on seeded cases, in the portable form and with this processor's instructions:
 * tests/kernels/digest.c. */
#include "../cases.h"

#define main digest_main
#include "../../kernels/digest.c"
#undef main

static uint32_t run_variant(const char* isa) {
  if (bm_isa_select(isa) != BM_OK) return 0;
#if defined(__x86_64__)
  mode = 0x1F80;
#endif
  seed = 1;
  digest = 14695981039346656037u;
  const uint32_t before = get_mode();
  set_mode(mode);
  run_all();
  set_mode(before);
  return (uint32_t)(digest ^ digest >> 32);
}

static uint32_t portable(void) { return run_variant("portable"); }
static uint32_t fastest(void) { return run_variant(0); }

const mcu_case cases[] = {{"kernels_portable", portable}, {"kernels_fastest", fastest}};
const int case_count = 2;
