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

/* A function of its own: the checks cost registers. */
VNNI static __attribute__((noinline)) void last_rows(const uint8_t* packed, size_t row_bytes, int32_t blocks,
                                                     const int8_t* x, size_t size, __m256i v[8]) {
  eight_rows(packed, row_bytes, blocks, x, size, v);
}

VNNI static void dot_rm2(const uint8_t* packed, int32_t rows, const bm_token* token, int32_t* acc) {
  size_t row_bytes = (size_t)bm_rm2_row_bytes(token->cols), size = (size_t)rows * row_bytes;
  int32_t blocks = (token->cols + RM2_BLOCK - 1) / RM2_BLOCK;
  const __m256i sum = _mm256_set1_epi32(token->sum);
  const int8_t* x = token->data;
  __m256i v[8];
  if (row_bytes == RM2_BYTES) { /* 128 columns: their activations stay in registers */
    __m256i runs[4];
    load_runs(x, runs);
    for (; rows >= 8; rows -= 8, packed += 8 * RM2_BYTES, size -= 8 * RM2_BYTES, acc += 8) {
      for (int i = 0; i < 8; i++) {
        v[i] =
            step(_mm256_setzero_si256(), _mm256_loadu_si256((const __m256i*)(packed + RM2_BYTES * i)), runs);
      }
      _mm256_storeu_si256((__m256i*)acc, _mm256_sub_epi32(sums_of_8_small(v), sum));
    }
  }
  /* the last block of the last row may reach past the rows that there are */
  size_t reach = 7 * row_bytes + (size_t)blocks * RM2_BYTES;
  for (; rows >= 8 && size >= reach; rows -= 8, packed += 8 * row_bytes, size -= 8 * row_bytes, acc += 8) {
    eight_rows(packed, row_bytes, blocks, x, SIZE_MAX, v);
    _mm256_storeu_si256((__m256i*)acc, _mm256_sub_epi32(sums_of_8(v), sum));
  }
  for (; rows > 0; rows -= 8, packed += 8 * row_bytes, size -= 8 * row_bytes, acc += 8) {
    int32_t last[8];
    last_rows(packed, row_bytes, blocks, x, size, v);
    _mm256_storeu_si256((__m256i*)last, _mm256_sub_epi32(sums_of_8(v), sum));
    memcpy(acc, last, (size_t)(rows < 8 ? rows : 8) * sizeof *acc);
    if (rows < 8) return;
  }
}

#endif
