/* b3 on the Cortex-M7. One byte holds five rows of a column; two table look-ups turn it into multiplicands
 * that carry several rows at once, so that one multiply-accumulate serves all of them:
 *
 *   low[byte]  = w0 + 2^15 w1 + 2^30 w2   SMLAL: 64-bit sum, three rows
 *   high[byte] = w3 + 2^16 w4             MLA:   32-bit sum, two rows
 *
 * Six instructions a byte, the load of x included. A field holds |sum| < 2^14, and 128 columns give at most
 * 128 * 127: the sums are taken apart after every 128 columns. */
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
    int32_t b = (byte);       \
    int32_t e = low_table[b]; \
    DSP_SMLAL(lo, hi, e, x);  \
    e = high_table[b];        \
    DSP_MLA(pair, e, x);      \
  } while (0)

/* Adds five rows over n <= COLUMNS columns to acc. */
static inline void add_block(const uint8_t* packed, const int32_t* x, int32_t n, int32_t* acc) {
  const int32_t *low_table = low, *high_table = high;
  __asm__("" : "+r"(low_table), "+r"(high_table)); /* two registers: one would cost an addition a look-up */
  uint32_t lo = 0, hi = 0;
  int32_t pair = 0, xa, xb;
  const uint8_t* end = packed + (n & ~7);
  for (; packed != end; packed += 8) {
    for (int32_t i = 0; i < 8; i += 2) {
      DSP_LDRD(xa, xb, x);
      COLUMN(packed[i], xa);
      COLUMN(packed[i + 1], xb);
    }
  }
  for (int32_t i = 0; i < (n & 7); i++) {
    xa = x[i];
    COLUMN(packed[i], xa);
  }
  int64_t triple = (int64_t)((uint64_t)hi << 32 | lo);
  int32_t s = DSP_LOW(lo, 15);
  acc[0] += s;
  triple = (triple - s) >> 15;
  s = DSP_LOW(triple, 15);
  acc[1] += s;
  acc[2] += (int32_t)((triple - s) >> 15);
  s = DSP_LOW(pair, 16);
  acc[3] += s;
  acc[4] += (pair - s) >> 16;
}

void bm_dsp_dot_b3(const uint8_t* packed, int32_t groups, const bm_token* token, int32_t* acc) {
  int32_t cols = token->cols;
  for (int32_t g = 0; g < groups; g++, acc += 5) {
    const int32_t* x = token->data;
    for (int32_t i = 0; i < 5; i++) acc[i] = 0;
    for (int32_t left = cols; left > 0; left -= COLUMNS, x += COLUMNS) {
      int32_t n = left < COLUMNS ? left : COLUMNS;
      add_block(packed, x, n, acc);
      packed += n;
    }
  }
}

#endif
