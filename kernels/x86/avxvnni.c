/* AVX-VNNI (Alder Lake, Zen 5 and later): the same instruction for processors without AVX-512. */
#define VNNI __attribute__((target("avx2,avxvnni")))
#define DPBUSD _mm256_dpbusd_avx_epi32
#include "vnni.h"

#if defined(BM_HAVE_VNNI)

#include <cpuid.h>

static int available(void) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}

const bm_backend bm_backend_avxvnni = {
    .name = "avxvnni",
    .available = available,
    .fastest = BM_LAYOUT_RM2,
    .absmax = bm_avx2_absmax,
    .prepare = bm_avx2_prepare,
    .dot = {dot_rm2, bm_avx2_dot_b3, bm_portable_dot_pl14, bm_portable_dot_c5},
    .dot_s8 = bm_avx2_dot_s8,
};

#endif
