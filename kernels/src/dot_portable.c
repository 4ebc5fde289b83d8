/* The exact dot products in plain C, written so that compilers vectorise them. Also the reference for the
 * others. */
#include "internal.h"

/* Data of a token: int16 q[padded], then (only while preparing) int8 q[padded]. rm2 wants four planes, plane
 * k holding the columns 4j + k, because byte j of a row has their codes; the others want the columns in
 * order. */
void bm_portable_prepare(bm_token* token, const float* x, float r) {
  int32_t cols = token->cols, padded = bm_padded(cols);
  int16_t* wide = token->data;
  int8_t* q = (int8_t*)(wide + padded);
  bm_quantise_with(x, cols, r, q);
  for (int32_t i = cols; i < padded; i++) q[i] = 0;
  token->sum = bm_sum(q, cols);
  if (token->layout == BM_LAYOUT_RM2) {
    int32_t quarter = padded / 4;
    for (int32_t k = 0; k < 4; k++) {
      for (int32_t j = 0; j < quarter; j++) wide[k * quarter + j] = q[4 * j + k];
    }
  } else {
    for (int32_t i = 0; i < padded; i++) wide[i] = q[i];
  }
}

static void dot_rm2(const uint8_t* packed, int32_t rows, const bm_token* token, int32_t* acc) {
  int32_t bytes = bm_rm2_row_bytes(token->cols), quarter = bm_padded(token->cols) / 4;
  const int16_t *x0 = token->data, *x1 = x0 + quarter, *x2 = x1 + quarter, *x3 = x2 + quarter;
  for (int32_t r = 0; r < rows; r++, packed += bytes) {
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;
    for (int32_t j = 0; j < bytes; j++) {
      uint16_t b = packed[j];
      a0 += x0[j] * (int16_t)(uint16_t)(b & 3);
      a1 += x1[j] * (int16_t)(uint16_t)(b >> 2 & 3);
      a2 += x2[j] * (int16_t)(uint16_t)(b >> 4 & 3);
      a3 += x3[j] * (int16_t)(uint16_t)(b >> 6);
    }
    acc[r] = a0 + a1 + a2 + a3 - token->sum; /* codes are w + 1 */
  }
}

/* The code of row i is v_i - 3 v_(i+1) with v_i = byte / 3^i rounded down, so five sums of x * v_i give all
 * five rows: dot_i = sum(x v_i) - 3 sum(x v_(i+1)) - sum(x). The divisions are high halves of 16-bit
 * products. */
static void dot_b3(const uint8_t* packed, int32_t groups, const bm_token* token, int32_t* acc) {
  int32_t cols = token->cols;
  const int16_t* x = token->data;
  for (int32_t g = 0; g < groups; g++, packed += cols, acc += 5) {
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0;
    for (int32_t c = 0; c < cols; c++) {
      uint16_t v = packed[c];
      s0 += x[c] * (int16_t)v;
      s1 += x[c] * (int16_t)(uint16_t)(v / 3);
      s2 += x[c] * (int16_t)(uint16_t)(v / 9);
      s3 += x[c] * (int16_t)(uint16_t)(v / 27);
      s4 += x[c] * (int16_t)(uint16_t)(v / 81);
    }
    acc[0] = s0 - 3 * s1 - token->sum;
    acc[1] = s1 - 3 * s2 - token->sum;
    acc[2] = s2 - 3 * s3 - token->sum;
    acc[3] = s3 - 3 * s4 - token->sum;
    acc[4] = s4 - token->sum;
  }
}

/* The codes of two rows are a word's lanes, as bm_pl14_weights says. */
void bm_portable_dot_pl14(const uint8_t* packed, int32_t octets, const bm_token* token, int32_t* acc) {
  const int16_t* x = token->data;
  int32_t cols = token->cols, padded = bm_pl14_words(cols) * 2;
  for (; octets > 0; octets--, acc += 8) {
    for (int32_t r = 0; r < 8; r++) acc[r] = 0;
    for (int32_t c = 0; c < padded; c += 8) {
      for (int32_t pair = 0; pair < 8; pair += 2, packed += 4) {
        uint32_t word = bm_pl14_load(packed);
        for (int32_t i = 0; i < 8 && c + i < cols; i++) {
          int32_t a, b;
          bm_pl14_weights(word, i, &a, &b);
          acc[pair] += a * x[c + i];
          acc[pair + 1] += b * x[c + i];
        }
      }
    }
  }
}

/* table[byte] = the sum of w * x that the byte stands for, of n <= 5 columns; entries grow threefold a
 * column. Bytes that no valid matrix has give 0. */
static void c5_table(const int16_t* x, int32_t n, int16_t table[256]) {
  int32_t size = 1;
  table[0] = 0;
  for (int32_t j = 0; j < 5; j++) {
    int16_t step = j < n ? x[j] : 0;
    for (int32_t i = 0; i < size; i++) {
      int16_t sum = table[i];
      table[i] = (int16_t)(sum - step);
      table[i + size] = sum;
      table[i + 2 * size] = (int16_t)(sum + step);
    }
    size *= 3;
  }
  for (; size < 256; size++) table[size] = 0;
}

/* Five columns at a time: all their sums are made once, then each row looks up its own. */
void bm_portable_dot_c5(const uint8_t* packed, int32_t octets, const bm_token* token, int32_t* acc) {
  const int16_t* x = token->data;
  int32_t cols = token->cols, rows = 8 * octets;
  size_t stride = bm_unit_bytes(BM_LAYOUT_C5, cols);
  for (int32_t r = 0; r < rows; r++) acc[r] = 0;
  for (int32_t c = 0; c < cols; c += 5, packed += 8) {
    int16_t table[256];
    c5_table(x + c, cols - c, table);
    const uint8_t* at = packed;
    for (int32_t r = 0; r < rows; r += 8, at += stride) {
      for (int32_t i = 0; i < 8; i++) acc[r + i] += table[at[i]];
    }
  }
}

static int32_t dot_s8(const int8_t* a, const int8_t* b, int32_t n) {
  int32_t sum = 0;
  for (int32_t i = 0; i < n; i++) sum += (int16_t)a[i] * (int16_t)b[i];
  return sum;
}

static int available(void) { return 1; }

const bm_backend bm_backend_portable = {
    .name = "portable",
    .available = available,
    .fastest = BM_LAYOUT_B3,
    .absmax = bm_absmax,
    .prepare = bm_portable_prepare,
    .dot = {dot_rm2, dot_b3, bm_portable_dot_pl14, bm_portable_dot_c5},
    .dot_s8 = dot_s8,
};
