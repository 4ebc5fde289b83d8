/* b3 on the Cortex-M7. One byte holds five rows of a column; two table look-ups turn it into multiplicands
 * that carry several rows at once, so that one multiply-accumulate serves all of them:
 *
 *   low[byte]  = w0 + 2^15 w1 + 2^30 w2   SMLAL: 64-bit sum, three rows
 *   high[byte] = w3 + 2^16 w4             MLA:   32-bit sum, two rows
 *
 * Five and a half instructions a byte, the load of x included. A field holds |sum| < 2^14, and 128 columns
 * give at most 128 * 127: the sums are taken apart after every 128 columns. */
#include "dsp.h"

#if defined(BM_HAVE_DSP)

enum { COLUMNS = 128 }; /* between two extractions */

/* w of row i; a byte above 242 occurs in no valid matrix and gives 2 in row 4 */
#define W(b, power) ((b) / (power)-3 * ((b) / (3 * (power))) - 1)
#define LOW(b) (W(b, 1) + W(b, 3) * 32768 + W(b, 9) * 1073741824)
#define HIGH(b) (W(b, 27) + ((b) / 81 - 1) * 65536)
#define FOUR(f, b) f(b), f(b + 1), f(b + 2), f(b + 3)
#define SIXTEEN(f, b) FOUR(f, b), FOUR(f, b + 4), FOUR(f, b + 8), FOUR(f, b + 12)
#define SIXTY_FOUR(f, b) SIXTEEN(f, b), SIXTEEN(f, b + 16), SIXTEEN(f, b + 32), SIXTEEN(f, b + 48)
#define ALL(f) SIXTY_FOUR(f, 0), SIXTY_FOUR(f, 64), SIXTY_FOUR(f, 128), SIXTY_FOUR(f, 192)

static const int32_t low[256] = {ALL(LOW)};
static const int32_t high[256] = {ALL(HIGH)};

#define COLUMN(byte, x)       \
  do {                        \
    uint32_t b = (byte);      \
    int32_t e = low_table[b]; \
    DSP_SMLAL(lo, hi, e, x);  \
    e = high_table[b];        \
    DSP_MLA(pair, e, x);      \
  } while (0)

/* Half a field's range: added at the start, it makes every field non-negative, so that no borrow crosses
 * fields. */
enum { BIAS = 1 << 14, PAIR_BIAS = 1 << 15 };

/* The columns after the last whole group of 16, one by one. */
static __attribute__((noinline)) void add_rest(const uint8_t* packed, const int32_t* x, int32_t n,
                                               int32_t* acc) {
  for (int32_t c = 0; c < n; c++) {
    uint32_t v = packed[c];
    for (int32_t i = 0; i < 4; i++, v /= 3) acc[i] += ((int32_t)(v % 3) - 1) * x[c];
    acc[4] += ((int32_t)v - 1) * x[c];
  }
}

/* n columns (whole 16s, at most COLUMNS) of `groups` groups of five rows, `stride` bytes apart. The first
 * block of a row sets acc, the others add to it. A function of its own, so that the inner loop has all
 * registers. */
static __attribute__((noinline)) void dot_block(const uint8_t* packed, int32_t stride, int32_t n,
                                                int32_t groups, const int32_t* x, int first, int32_t* acc) {
  const int32_t *low_table = low, *high_table = high;
  __asm__("" : "+r"(low_table), "+r"(high_table)); /* two registers: one would cost an addition a look-up */
  for (; groups > 0; groups--, acc += 5) {
    uint32_t lo = BIAS + (BIAS << 15), hi = 0;
    int32_t pair = PAIR_BIAS, xa, xb;
    const uint8_t* end = packed + n;
    do {
#pragma GCC unroll 8
      for (int32_t i = 0; i < 16; i += 2) {
        DSP_LDRD(xa, xb, x);
        COLUMN(packed[i], xa);
        COLUMN(packed[i + 1], xb);
      }
      packed += 16;
    } while (packed != end);
    packed += stride - n;
    x -= n;
    int32_t upper = (int32_t)(lo >> 15 | hi << 17);
    int32_t s0 = (int32_t)(lo & 0x7FFF) - BIAS, s1 = (upper & 0x7FFF) - BIAS, s2 = upper >> 15;
    int32_t s3 = (pair & 0xFFFF) - PAIR_BIAS, s4 = pair >> 16;
    if (!first) {
      s0 += acc[0];
      s1 += acc[1];
      s2 += acc[2];
      s3 += acc[3];
      s4 += acc[4];
    }
    acc[0] = s0;
    acc[1] = s1;
    acc[2] = s2;
    acc[3] = s3;
    acc[4] = s4;
  }
}

void bm_dsp_dot_b3(const uint8_t* packed, int32_t groups, const bm_token* token, int32_t* acc) {
  int32_t cols = token->cols, rest = cols % 16, whole = cols - rest;
  const int32_t* x = token->data;
  for (int32_t c = 0; c < whole; c += COLUMNS) {
    dot_block(packed + c, cols, whole - c < COLUMNS ? whole - c : COLUMNS, groups, x + c, c == 0, acc);
  }
  if (!rest) return;
  for (int32_t g = 0; g < groups; g++, packed += cols, acc += 5) {
    if (!whole) memset(acc, 0, 5 * sizeof *acc);
    add_rest(packed + whole, x + whole, rest, acc);
  }
}

#endif
