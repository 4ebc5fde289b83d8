/* rm2 on aarch64, four rows a pass. Included by two files that define RM2 (the functions' attribute),
 * rm2_sums (what the blocks of a row add up to), rm2_zero, rm2_block (64 columns of one row) and rm2_row (to
 * four int32). */

/* 16 bytes from `at` on, of which those from `size` on do not exist and are 0. */
NEON_INLINE uint8x16_t load_within(const uint8_t* p, size_t at, size_t size) {
  if (at + 16 <= size) return vld1q_u8(p + at);
  return at < size ? neon_load(p + at, (int32_t)(size - at)) : vdupq_n_u8(0);
}

/* The sums of four rows; the last block may run past the row: its activations are 0 there. */
RM2 NEON_INLINE int32x4_t four_rows(const uint8_t* packed, size_t row_bytes, int32_t blocks, const int8_t* x,
                                    size_t size) {
  rm2_sums sums[4];
  for (int i = 0; i < 4; i++) rm2_zero(&sums[i]);
  for (int32_t b = 0; b < blocks; b++, x += 64) {
    int8x16_t runs[4];
    for (int k = 0; k < 4; k++) runs[k] = vld1q_s8(x + 16 * k);
    for (int i = 0; i < 4; i++) {
      rm2_block(&sums[i], load_within(packed, (size_t)i * row_bytes + 16 * (size_t)b, size), runs, b);
    }
  }
  return vpaddq_s32(vpaddq_s32(rm2_row(&sums[0]), rm2_row(&sums[1])),
                    vpaddq_s32(rm2_row(&sums[2]), rm2_row(&sums[3])));
}

/* A function of its own: the checks cost registers. */
RM2 static __attribute__((noinline)) int32x4_t last_rows(const uint8_t* packed, size_t row_bytes,
                                                         int32_t blocks, const int8_t* x, size_t size) {
  return four_rows(packed, row_bytes, blocks, x, size);
}

RM2 static void dot_rm2(const uint8_t* packed, int32_t rows, const bm_token* token, int32_t* acc) {
  size_t row_bytes = (size_t)bm_rm2_row_bytes(token->cols), size = (size_t)rows * row_bytes;
  int32_t blocks = (token->cols + 63) / 64;
  int32x4_t sum = vdupq_n_s32(token->sum);
  const int8_t* x = token->data;
  size_t reach = 3 * row_bytes + 16 * (size_t)blocks;
  if (blocks == 2) { /* 128 columns: the loop over blocks goes */
    for (; rows >= 4 && size >= reach; rows -= 4, packed += 4 * row_bytes, size -= 4 * row_bytes, acc += 4) {
      vst1q_s32(acc, vsubq_s32(four_rows(packed, row_bytes, 2, x, SIZE_MAX), sum));
    }
  }
  for (; rows >= 4 && size >= reach; rows -= 4, packed += 4 * row_bytes, size -= 4 * row_bytes, acc += 4) {
    vst1q_s32(acc, vsubq_s32(four_rows(packed, row_bytes, blocks, x, SIZE_MAX), sum));
  }
  for (; rows > 0; rows -= 4, packed += 4 * row_bytes, size -= 4 * row_bytes, acc += 4) {
    int32_t last[4];
    vst1q_s32(last, vsubq_s32(last_rows(packed, row_bytes, blocks, x, size), sum));
    memcpy(acc, last, (size_t)(rows < 4 ? rows : 4) * sizeof *acc);
    if (rows < 4) return;
  }
}
