/* AVX-512 VNNI (Ice Lake, Zen 4 and later). The head and all other matrices of 128 columns take two rows a
 * register, the rest is vnni.h at a width of 256 bits. */
#define VNNI __attribute__((target("avx2,avx512bw,avx512vl,avx512vnni")))
#define DPBUSD _mm256_dpbusd_epi32
#include "vnni.h"

#if defined(BM_HAVE_VNNI)

/* codes of two rows of 128 columns times their x: the odd planes of codes are those of bytes >> 2, and the
 * upper two planes stay where they are, 16 times too large */
VNNI_INLINE __m512i two_rows(const uint8_t* packed, const __m512i x[4]) {
  const __m512i lower = _mm512_set1_epi8(0x03), upper = _mm512_set1_epi8(0x30);
  __m512i even = _mm512_loadu_si512(packed), odd = _mm512_srli_epi16(even, 2);
  __m512i sum = _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_and_si512(even, lower), x[0]);
  __m512i sum16 = _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_and_si512(even, upper), x[2]);
  sum = _mm512_dpbusd_epi32(sum, _mm512_and_si512(odd, lower), x[1]);
  sum16 = _mm512_dpbusd_epi32(sum16, _mm512_and_si512(odd, upper), x[3]);
  return _mm512_add_epi32(sum, _mm512_srai_epi32(sum16, 4));
}

/* sums_of_8_small for both rows of each register */
VNNI_INLINE __m512i sums_of_16(const __m512i v[8]) {
  const __m512i ones = _mm512_set1_epi16(1);
  const __m512i low = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13),
                high = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
  const __m512i by_turns = _mm512_setr_epi32(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
  __m512i pair[4], four[2];
  for (int i = 0; i < 4; i++) pair[i] = _mm512_madd_epi16(_mm512_packs_epi32(v[2 * i], v[2 * i + 1]), ones);
  for (int i = 0; i < 2; i++) {
    four[i] = _mm512_madd_epi16(_mm512_packs_epi32(pair[2 * i], pair[2 * i + 1]), ones);
  }
  __m512i sums = _mm512_add_epi32(_mm512_permutex2var_epi64(four[0], low, four[1]),
                                  _mm512_permutex2var_epi64(four[0], high, four[1]));
  return _mm512_permutexvar_epi32(by_turns, sums); /* even rows first -> in order */
}

VNNI static void dot_rm2_512(const uint8_t* packed, int32_t rows, const bm_token* token, int32_t* acc) {
  if (token->cols > 124 && token->cols <= RM2_BLOCK) {
    const __m512i sum = _mm512_set1_epi32(token->sum);
    const int8_t* x = token->data;
    __m512i runs[4], v[8];
    for (int k = 0; k < 4; k++) {
      runs[k] = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i*)(x + 32 * k)));
    }
    for (; rows >= 16; rows -= 16, packed += 16 * RM2_BYTES, acc += 16) {
      for (int i = 0; i < 8; i++) v[i] = two_rows(packed + 2 * RM2_BYTES * i, runs);
      _mm512_storeu_si512(acc, _mm512_sub_epi32(sums_of_16(v), sum));
    }
  }
  dot_rm2(packed, rows, token, acc);
}

static int available(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}

const bm_backend bm_backend_avx512vnni = {
    .name = "avx512vnni",
    .available = available,
    .fastest = BM_LAYOUT_RM2,
    .absmax = bm_avx2_absmax,
    .prepare = bm_avx2_prepare,
    .dot = {dot_rm2_512, bm_avx2_dot_b3, bm_portable_dot_pl14, bm_portable_dot_c5},
    .dot_s8 = bm_avx2_dot_s8,
};

#endif
