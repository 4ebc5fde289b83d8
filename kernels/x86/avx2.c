/* AVX2: chosen at run time on processors that have it. */
#include "avx2.h"

#if defined(BM_HAVE_AVX2)

/* Four 8-column steps of rounding: to nearest even is the mode that bm_fp_enter sets; NaN becomes 0. */
AVX2 static __m256i round8(const float* x, __m256 r) {
  __m256 t = _mm256_mul_ps(_mm256_loadu_ps(x), r);
  t = _mm256_and_ps(t, _mm256_cmp_ps(t, t, _CMP_ORD_Q));
  return _mm256_cvtps_epi32(t);
}

AVX2 static void quantise(const float* x, int32_t n, float r, int8_t* q) {
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  __m256 rr = _mm256_set1_ps(r);
  int32_t i = 0;
  for (; i + 32 <= n; i += 32) {
    __m256i ab = _mm256_packs_epi32(round8(x + i, rr), round8(x + i + 8, rr));
    __m256i cd = _mm256_packs_epi32(round8(x + i + 16, rr), round8(x + i + 24, rr));
    __m256i all = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(ab, cd), order);
    _mm256_storeu_si256((__m256i*)(q + i), all);
  }
  bm_quantise_with(x + i, n - i, r, q + i);
}

/* Bytes 4j + k of 32 columns to 8 k + j. */
AVX2_INLINE __m256i by_runs(__m256i q) {
  const __m256i in_lanes = _mm256_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 0, 4, 8, 12,
                                            1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m256i across = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  return _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(q, in_lanes), across);
}

/* 128 columns in order become four runs. */
AVX2_INLINE void block_of_runs(const int8_t* q, int8_t* runs) {
  __m256i part[4], low[2], high[2];
  for (int i = 0; i < 4; i++) part[i] = by_runs(_mm256_loadu_si256((const __m256i*)(q + 32 * i)));
  for (int i = 0; i < 2; i++) { /* runs 0 and 2, 1 and 3 of 64 columns */
    low[i] = _mm256_unpacklo_epi64(part[2 * i], part[2 * i + 1]);
    high[i] = _mm256_unpackhi_epi64(part[2 * i], part[2 * i + 1]);
  }
  __m256i* out = (__m256i*)runs;
  _mm256_storeu_si256(out, _mm256_permute2x128_si256(low[0], low[1], 0x20));
  _mm256_storeu_si256(out + 1, _mm256_permute2x128_si256(high[0], high[1], 0x20));
  _mm256_storeu_si256(out + 2, _mm256_permute2x128_si256(low[0], low[1], 0x31));
  _mm256_storeu_si256(out + 3, _mm256_permute2x128_si256(high[0], high[1], 0x31));
}

AVX2 static int32_t sum32(__m256i v) {
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4E));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xB1));
  return _mm_cvtsi128_si32(s);
}

/* of q[padded], zero-padded to a multiple of 64 */
AVX2 static int32_t sum_of(const int8_t* q, int32_t padded) {
  const __m256i ones = _mm256_set1_epi8(1);
  __m256i sum = _mm256_setzero_si256();
  for (int32_t i = 0; i < padded; i += 32) {
    __m256i pairs = _mm256_maddubs_epi16(ones, _mm256_loadu_si256((const __m256i*)(q + i)));
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  return sum32(sum);
}

AVX2 void bm_avx2_prepare(bm_token* token, const float* x, float r) {
  int32_t cols = token->cols, padded = bm_padded(cols);
  if (token->layout > BM_LAYOUT_B3) {
    bm_portable_prepare(token, x, r);
    return;
  }
  if (token->layout == BM_LAYOUT_B3) {
    int16_t* wide = token->data;
    int8_t* q = (int8_t*)(wide + padded);
    quantise(x, cols, r, q);
    memset(q + cols, 0, (size_t)(padded - cols));
    token->sum = sum_of(q, padded);
    for (int32_t i = 0; i < padded; i += 16) {
      __m256i w = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)(q + i)));
      _mm256_storeu_si256((__m256i*)(wide + i), w);
    }
    return;
  }
  /* 4 bytes of data a column: the runs need one, rounded up to 128 columns, the columns in order another */
  int32_t blocks = (padded + RM2_BLOCK - 1) / RM2_BLOCK;
  int8_t *runs = token->data, *q = runs + 2 * padded;
  quantise(x, cols, r, q);
  memset(q + cols, 0, (size_t)(RM2_BLOCK * blocks - cols));
  token->sum = sum_of(q, padded);
  for (int32_t b = 0; b < blocks; b++) block_of_runs(q + RM2_BLOCK * b, runs + RM2_BLOCK * b);
}

/* As bm_absmax: integer maxima of the bits; a NaN is seen and left to the loop that looks one by one. */
AVX2 float bm_avx2_absmax(const float* x, int32_t n) {
  const __m256i magnitude = _mm256_set1_epi32(0x7FFFFFFF);
  __m256i most = _mm256_setzero_si256();
  int32_t i = 0;
  for (; i + 8 <= n; i += 8) {
    __m256i bits = _mm256_and_si256(_mm256_loadu_si256((const __m256i*)(x + i)), magnitude);
    most = _mm256_max_epi32(most, bits);
  }
  __m128i m = _mm_max_epi32(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4E));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xB1));
  uint32_t best = (uint32_t)_mm_cvtsi128_si32(m);
  if (best > 0x7F800000u || i < n) {
    float rest = best > 0x7F800000u ? bm_absmax(x, n) : bm_absmax(x + i, n - i);
    best = best > 0x7F800000u || bm_bits(rest) > best ? bm_bits(rest) : best;
  }
  float largest = bm_from_bits(best);
  return largest > 1e-5f ? largest : 1e-5f;
}

/* codes of 128 columns times their x, as 16 int16 of at most 4 * 2 * 2 * 127 */
AVX2_INLINE __m256i rm2_step(__m256i bytes, const __m256i x[4]) {
  const __m256i three = _mm256_set1_epi8(3);
  __m256i c0 = _mm256_and_si256(bytes, three), c1 = _mm256_and_si256(_mm256_srli_epi16(bytes, 2), three);
  __m256i c2 = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), three);
  __m256i c3 = _mm256_and_si256(_mm256_srli_epi16(bytes, 6), three);
  __m256i s01 = _mm256_add_epi16(_mm256_maddubs_epi16(c0, x[0]), _mm256_maddubs_epi16(c1, x[1]));
  __m256i s23 = _mm256_add_epi16(_mm256_maddubs_epi16(c2, x[2]), _mm256_maddubs_epi16(c3, x[3]));
  return _mm256_add_epi16(s01, s23);
}

/* int16 sums hold 16 blocks of 2032. */
AVX2_INLINE void eight_rows(const uint8_t* packed, size_t row_bytes, int32_t blocks, const int8_t* x,
                            size_t size, __m256i v[8]) {
  const __m256i ones = _mm256_set1_epi16(1);
  for (int i = 0; i < 8; i++) v[i] = _mm256_setzero_si256();
  for (int32_t first = 0; first < blocks; first += 16) {
    int32_t end = blocks - first < 16 ? blocks : first + 16;
    __m256i narrow[8];
    for (int i = 0; i < 8; i++) narrow[i] = _mm256_setzero_si256();
    for (int32_t b = first; b < end; b++, x += RM2_BLOCK) {
      __m256i runs[4];
      load_runs(x, runs);
      for (int i = 0; i < 8; i++) {
        __m256i bytes = load_within(packed, (size_t)i * row_bytes + (size_t)b * RM2_BYTES, size);
        narrow[i] = _mm256_add_epi16(narrow[i], rm2_step(bytes, runs));
      }
    }
    for (int i = 0; i < 8; i++) v[i] = _mm256_add_epi32(v[i], _mm256_madd_epi16(narrow[i], ones));
  }
}

/* Pairs of int16 sums are added before they are widened. */
AVX2_INLINE __m256i eight_rows_of_128(const uint8_t* packed, const __m256i runs[4]) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i v[8], pair[4], four[2];
  for (int i = 0; i < 8; i++) {
    v[i] = rm2_step(_mm256_loadu_si256((const __m256i*)(packed + RM2_BYTES * i)), runs);
  }
  for (int i = 0; i < 4; i++) pair[i] = _mm256_madd_epi16(_mm256_hadd_epi16(v[2 * i], v[2 * i + 1]), ones);
  for (int i = 0; i < 2; i++) {
    four[i] = _mm256_madd_epi16(_mm256_packs_epi32(pair[2 * i], pair[2 * i + 1]), ones);
  }
  return _mm256_add_epi32(_mm256_permute2x128_si256(four[0], four[1], 0x20),
                          _mm256_permute2x128_si256(four[0], four[1], 0x31));
}

#define RM2 AVX2
#include "rm2.h"

/* As in dot_portable.c: five sums of x * (byte / 3^i), the divisions as high halves of 16-bit products. */
AVX2 void bm_avx2_dot_b3(const uint8_t* packed, int32_t groups, const bm_token* token, int32_t* acc) {
  const __m256i third = _mm256_set1_epi16(21846), ninth = _mm256_set1_epi16(7282);
  const __m256i part27 = _mm256_set1_epi16(2428), part81 = _mm256_set1_epi16(810);
  int32_t cols = token->cols;
  for (int32_t g = 0; g < groups; g++, packed += cols, acc += 5) {
    const int16_t* x = token->data;
    __m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0, s3 = s0, s4 = s0;
    for (int32_t c = 0; c < cols; c += 16) {
      __m128i bytes;
      if (cols - c >= 16) {
        bytes = _mm_loadu_si128((const __m128i*)(packed + c));
      } else {
        uint8_t rest[16] = {0};
        memcpy(rest, packed + c, (size_t)(cols - c));
        bytes = _mm_loadu_si128((const __m128i*)rest);
      }
      __m256i v = _mm256_cvtepu8_epi16(bytes), q = _mm256_loadu_si256((const __m256i*)(x + c));
      s0 = _mm256_add_epi32(s0, _mm256_madd_epi16(q, v));
      s1 = _mm256_add_epi32(s1, _mm256_madd_epi16(q, _mm256_mulhi_epu16(v, third)));
      s2 = _mm256_add_epi32(s2, _mm256_madd_epi16(q, _mm256_mulhi_epu16(v, ninth)));
      s3 = _mm256_add_epi32(s3, _mm256_madd_epi16(q, _mm256_mulhi_epu16(v, part27)));
      s4 = _mm256_add_epi32(s4, _mm256_madd_epi16(q, _mm256_mulhi_epu16(v, part81)));
    }
    int32_t d0 = sum32(s0), d1 = sum32(s1), d2 = sum32(s2), d3 = sum32(s3), d4 = sum32(s4);
    acc[0] = d0 - 3 * d1 - token->sum;
    acc[1] = d1 - 3 * d2 - token->sum;
    acc[2] = d2 - 3 * d3 - token->sum;
    acc[3] = d3 - 3 * d4 - token->sum;
    acc[4] = d4 - token->sum;
  }
}

AVX2 int32_t bm_avx2_dot_s8(const int8_t* a, const int8_t* b, int32_t n) {
  __m256i sum = _mm256_setzero_si256();
  int32_t i = 0;
  for (; i + 16 <= n; i += 16) {
    __m256i wa = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)(a + i)));
    __m256i wb = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)(b + i)));
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(wa, wb));
  }
  int32_t total = sum32(sum);
  for (; i < n; i++) total += a[i] * b[i];
  return total;
}

static int available(void) {
  __builtin_cpu_init(); /* some run-time libraries do not do it by themselves */
  return __builtin_cpu_supports("avx2");
}

const bm_backend bm_backend_avx2 = {
    .name = "avx2",
    .available = available,
    .fastest = BM_LAYOUT_RM2,
    .absmax = bm_avx2_absmax,
    .prepare = bm_avx2_prepare,
    .dot = {dot_rm2, bm_avx2_dot_b3, bm_portable_dot_pl14, bm_portable_dot_c5},
    .dot_s8 = bm_avx2_dot_s8,
};

#endif
