/* AVX2: chosen at run time on processors that have it. */
#include "../src/internal.h"

#if defined(BM_HAVE_AVX2)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

/* Data of a token: int8 q[padded], zero-padded. For rm2 in blocks of 128 columns as four runs of 32 bytes,
 * run k holding the columns 4j + k, because byte j of the weights has their codes (so rm2 pads to 128). For
 * b3 in order, then again as int16[padded]. */
enum { RM2_BLOCK = 128 };

static int32_t rm2_blocks(int32_t cols) { return (cols + RM2_BLOCK - 1) / RM2_BLOCK; }

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

AVX2 static void prepare(bm_token* token, const float* x, float r) {
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
    token->sum = bm_sum(q, cols);
    for (int32_t i = 0; i < padded; i += 16) {
      __m256i w = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)(q + i)));
      _mm256_storeu_si256((__m256i*)(wide + i), w);
    }
    return;
  }
  /* 4 bytes of data a column: the runs need one, rounded up to 128 columns, the columns in order another */
  int8_t *runs = token->data, *q = runs + 2 * padded;
  quantise(x, cols, r, q);
  memset(q + cols, 0, (size_t)(padded - cols));
  token->sum = bm_sum(q, cols);
  for (int32_t block = 0; block < padded; block += RM2_BLOCK, runs += RM2_BLOCK) {
    for (int32_t j = 0; j < RM2_BLOCK / 4; j++) {
      for (int32_t k = 0; k < 4; k++)
        runs[32 * k + j] = block + 4 * j + k < padded ? q[block + 4 * j + k] : 0;
    }
  }
}

AVX2 static int32_t sum32(__m256i v) {
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4E));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xB1));
  return _mm_cvtsi128_si32(s);
}

/* codes of 128 columns times their x, as 16 int16 of at most 4 * 2 * 3 * 127 */
AVX2 static __m256i rm2_step(__m256i bytes, const int8_t* x) {
  const __m256i three = _mm256_set1_epi8(3);
  const __m256i* run = (const __m256i*)x;
  __m256i c0 = _mm256_and_si256(bytes, three), c1 = _mm256_and_si256(_mm256_srli_epi16(bytes, 2), three);
  __m256i c2 = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), three);
  __m256i c3 = _mm256_and_si256(_mm256_srli_epi16(bytes, 6), three);
  __m256i s01 = _mm256_add_epi16(_mm256_maddubs_epi16(c0, _mm256_loadu_si256(run)),
                                 _mm256_maddubs_epi16(c1, _mm256_loadu_si256(run + 1)));
  __m256i s23 = _mm256_add_epi16(_mm256_maddubs_epi16(c2, _mm256_loadu_si256(run + 2)),
                                 _mm256_maddubs_epi16(c3, _mm256_loadu_si256(run + 3)));
  return _mm256_add_epi16(s01, s23);
}

AVX2 static void dot_rm2(const uint8_t* packed, int32_t rows, const bm_token* token, int32_t* acc) {
  const __m256i ones = _mm256_set1_epi16(1);
  int32_t bytes = bm_rm2_row_bytes(token->cols), blocks = rm2_blocks(token->cols), whole = bytes / 32;
  for (int32_t r = 0; r < rows; r++, packed += bytes) {
    const int8_t* x = token->data;
    __m256i sum = _mm256_setzero_si256();
    for (int32_t b = 0; b < whole; b++, x += RM2_BLOCK) {
      __m256i codes = _mm256_loadu_si256((const __m256i*)(packed + 32 * b));
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(rm2_step(codes, x), ones));
    }
    if (blocks > whole) {
      uint8_t rest[32] = {0};
      memcpy(rest, packed + 32 * whole, (size_t)(bytes - 32 * whole));
      __m256i codes = _mm256_loadu_si256((const __m256i*)rest);
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(rm2_step(codes, x), ones));
    }
    acc[r] = sum32(sum) - token->sum;
  }
}

/* As in dot_portable.c: five sums of x * (byte / 3^i), the divisions as high halves of 16-bit products. */
AVX2 static void dot_b3(const uint8_t* packed, int32_t groups, const bm_token* token, int32_t* acc) {
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

AVX2 static int32_t dot_s8(const int8_t* a, const int8_t* b, int32_t n) {
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
    .absmax = bm_absmax,
    .prepare = prepare,
    .dot = {dot_rm2, dot_b3, bm_portable_dot_pl14, bm_portable_dot_c5},
    .dot_s8 = dot_s8,
};

#endif
