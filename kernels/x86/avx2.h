/* What the x86 variants share: the form of a token, and how eight rows' sums become one vector. */
#ifndef BITMAR_KERNELS_AVX2_H_
#define BITMAR_KERNELS_AVX2_H_

#include "../src/internal.h"

#if defined(BM_HAVE_AVX2)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE static inline __attribute__((always_inline, target("avx2")))

/* Data of a token: int8 q[padded], zero-padded. For rm2 in blocks of 128 columns as four runs of 32 bytes,
 * run k holding the columns 4j + k, because byte j of the weights has their codes (so rm2 pads to 128). For
 * b3 in order, then again as int16[padded]. */
enum { RM2_BLOCK = 128, RM2_BYTES = 32 };

bm_dot bm_avx2_dot_b3;
void bm_avx2_prepare(bm_token* token, const float* x, float r);
float bm_avx2_absmax(const float* x, int32_t n);
int32_t bm_avx2_dot_s8(const int8_t* a, const int8_t* b, int32_t n);

/* 32 bytes from `at` on, of which those from `size` on do not exist and are 0. */
AVX2_INLINE __m256i load_within(const uint8_t* p, size_t at, size_t size) {
  if (at + 32 <= size) return _mm256_loadu_si256((const __m256i*)(p + at));
  uint8_t rest[32] = {0};
  if (at < size) memcpy(rest, p + at, size - at);
  return _mm256_loadu_si256((const __m256i*)rest);
}

AVX2_INLINE void load_runs(const int8_t* x, __m256i runs[4]) {
  for (int k = 0; k < 4; k++) runs[k] = _mm256_loadu_si256((const __m256i*)(x + 32 * k));
}

/* The sums of the eight lanes of each of eight vectors. */
AVX2_INLINE __m256i sums_of_8(const __m256i v[8]) {
  __m256i a = _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
  __m256i b = _mm256_hadd_epi32(_mm256_hadd_epi32(v[4], v[5]), _mm256_hadd_epi32(v[6], v[7]));
  return _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
}

/* The same where no lane, and no sum of two, leaves int16: narrowing instead of horizontal additions. */
AVX2_INLINE __m256i sums_of_8_small(const __m256i v[8]) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i pair[4], four[2];
  for (int i = 0; i < 4; i++) pair[i] = _mm256_madd_epi16(_mm256_packs_epi32(v[2 * i], v[2 * i + 1]), ones);
  for (int i = 0; i < 2; i++) {
    four[i] = _mm256_madd_epi16(_mm256_packs_epi32(pair[2 * i], pair[2 * i + 1]), ones);
  }
  return _mm256_add_epi32(_mm256_permute2x128_si256(four[0], four[1], 0x20),
                          _mm256_permute2x128_si256(four[0], four[1], 0x31));
}

#endif
#endif
