/* rm2 with VPDPBUSD, which multiplies 32 codes by 32 activations and adds them up by fours. Included by two
 * files that define VNNI (the target attribute) and DPBUSD (the intrinsic): the instruction exists in two
 * encodings. */
#include "avx2.h"

#if defined(BM_HAVE_VNNI)

#define VNNI_INLINE static inline __attribute__((always_inline)) VNNI

/* codes of 128 columns times their x */
VNNI_INLINE __m256i step(__m256i sum, __m256i bytes, const __m256i x[4]) {
  const __m256i three = _mm256_set1_epi8(3);
  sum = DPBUSD(sum, _mm256_and_si256(bytes, three), x[0]);
  sum = DPBUSD(sum, _mm256_and_si256(_mm256_srli_epi16(bytes, 2), three), x[1]);
  sum = DPBUSD(sum, _mm256_and_si256(_mm256_srli_epi16(bytes, 4), three), x[2]);
  return DPBUSD(sum, _mm256_and_si256(_mm256_srli_epi16(bytes, 6), three), x[3]);
}

/* Eight rows of blocks of columns, the last of which may run past the row: its activations are 0 there. */
VNNI_INLINE void eight_rows(const uint8_t* packed, size_t row_bytes, int32_t blocks, const int8_t* x,
                            size_t size, __m256i v[8]) {
  for (int i = 0; i < 8; i++) v[i] = _mm256_setzero_si256();
  for (int32_t b = 0; b < blocks; b++, x += RM2_BLOCK) {
    __m256i runs[4];
    load_runs(x, runs);
    for (int i = 0; i < 8; i++) {
      v[i] = step(v[i], load_within(packed, (size_t)i * row_bytes + (size_t)b * RM2_BYTES, size), runs);
    }
  }
}

VNNI_INLINE __m256i eight_rows_of_128(const uint8_t* packed, const __m256i runs[4]) {
  __m256i v[8];
  for (int i = 0; i < 8; i++) {
    v[i] = step(_mm256_setzero_si256(), _mm256_loadu_si256((const __m256i*)(packed + RM2_BYTES * i)), runs);
  }
  return sums_of_8_small(v);
}

#define RM2 VNNI
#include "rm2.h"

#endif
