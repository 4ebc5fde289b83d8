/* The exact dot products in plain C, written so that compilers vectorise them. Also the reference for the
 * others. */
#include "internal.h"

/* Data of a token: int16 q[padded], then (only while preparing) int8 q[padded]. rm2 wants four planes, plane
 * k holding the columns 4j + k, because byte j of a row has their codes; b3 wants the columns in order. */
static void prepare(bm_token* token, const float* x, float r) {
  int32_t cols = token->cols, padded = bm_padded(cols);
  int16_t* wide = token->data;
  int8_t* q = (int8_t*)(wide + padded);
  bm_quantise_with(x, cols, r, q);
  for (int32_t i = cols; i < padded; i++) q[i] = 0;
  bm_token_sums(token, q);
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

static int32_t dot_s8(const int8_t* a, const int8_t* b, int32_t n) {
  int32_t sum = 0;
  for (int32_t i = 0; i < n; i++) sum += (int16_t)a[i] * (int16_t)b[i];
  return sum;
}

static int available(void) { return 1; }

const bm_backend bm_backend_portable = {"portable", available, prepare, dot_rm2, dot_b3, dot_s8};
