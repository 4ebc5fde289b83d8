/* rm2 on x86-64, eight rows a pass. Included by files that define RM2 (the functions' target attribute),
 * eight_rows (their sums over blocks of columns, the last of which may run past the row: its activations are
 * 0 there) and eight_rows_of_128 (the same for rows of exactly one block, added up). */

/* A function of its own: the checks cost registers. */
RM2 static __attribute__((noinline)) void last_rows(const uint8_t* packed, size_t row_bytes, int32_t blocks,
                                                    const int8_t* x, size_t size, __m256i v[8]) {
  eight_rows(packed, row_bytes, blocks, x, size, v);
}

RM2 static void dot_rm2(const uint8_t* packed, int32_t rows, const bm_token* token, int32_t* acc) {
  size_t row_bytes = (size_t)bm_rm2_row_bytes(token->cols), size = (size_t)rows * row_bytes;
  int32_t blocks = (token->cols + RM2_BLOCK - 1) / RM2_BLOCK;
  const __m256i sum = _mm256_set1_epi32(token->sum);
  const int8_t* x = token->data;
  __m256i v[8];
  if (row_bytes == RM2_BYTES) { /* 128 columns: their activations stay in registers */
    __m256i runs[4];
    load_runs(x, runs);
    for (; rows >= 8; rows -= 8, packed += 8 * RM2_BYTES, size -= 8 * RM2_BYTES, acc += 8) {
      _mm256_storeu_si256((__m256i*)acc, _mm256_sub_epi32(eight_rows_of_128(packed, runs), sum));
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
