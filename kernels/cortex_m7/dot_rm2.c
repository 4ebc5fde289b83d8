/* rm2 on the Cortex-M7. Two rows ride in one multiplication: a 16-bit lane holds code_a + 2^14 * (code_b -
 * 2), so that SMLAD with two activations makes four multiply-accumulates. Bits 0..13 of the sum are row a,
 * the rest row b. Two words of 16 codes become two words of such lanes with six logical instructions; AND
 * with a rotated operand picks the lanes out.
 *
 * The low field holds |sum| <= 8191: the sums are taken apart after every block of columns whose sum of |x|
 * stays below that, at least 64 columns. Both sums start so that the codes' offsets cancel: a by -sum(x), b's
 * -2 + 1 by adding sum(x) at the end. */
#include "dsp.h"

#if defined(BM_HAVE_DSP)

/* In words a and b code k has the bits 2k, 2k + 1. even has a's even columns in place and b's even columns 14
 * bits higher (a rotation by 18), ready for lanes at bits 0 and 16; odd has the odd ones at the positions
 * left over. The EORs with 0x88888888 and 0x22222222 turn b's codes c into c - 2 in two's complement. */
#define PAIR(even, odd, a, b)                                                  \
  do {                                                                         \
    uint32_t d;                                                                \
    __asm__ volatile("eor %0, %1, %2, ror #18" : "=r"(d) : "r"(a), "r"(b));    \
    __asm__ volatile("and %0, %1, #0x33333333" : "=r"(d) : "r"(d));            \
    __asm__ volatile("eor %0, %1, #0x88888888" : "=r"(d) : "r"(d));            \
    __asm__ volatile("eor %0, %1, %2, ror #18" : "=r"(even) : "r"(d), "r"(b)); \
    __asm__ volatile("eor %0, %1, #0xAAAAAAAA" : "=r"(d) : "r"(d));            \
    __asm__ volatile("eor %0, %1, %2" : "=r"(odd) : "r"(d), "r"(a));           \
  } while (0)

/* columns k and k + 8 of the 16, rows 0..3 */
#define LANES(word01, word23, x, rotation)  \
  do {                                      \
    uint32_t t;                             \
    DSP_AND_ROR(t, mask, word01, rotation); \
    DSP_SMLAD(s01, t, x);                   \
    DSP_AND_ROR(t, mask, word23, rotation); \
    DSP_SMLAD(s23, t, x);                   \
  } while (0)

static inline void split(int32_t pair, int32_t sum, int32_t* acc) {
  int32_t a = DSP_LOW(pair, 14);
  acc[0] += a;
  acc[1] += ((pair - a) >> 14) + sum;
}

/* Adds four rows over a block to acc. */
static inline void add_block(const uint8_t* packed, size_t stride, const dsp_block* block, const uint32_t* x,
                             int32_t* acc) {
  uint32_t mask = 0xC003C003u;
  __asm__("" : "+r"(mask)); /* stays in a register */
  int32_t s01 = -block->sum, s23 = s01;
  const uint8_t* end = packed + 4 * block->words;
  do {
    uint32_t even01, odd01, even23, odd23, xa, xb;
    uint32_t a = dsp_load(packed), b = dsp_load(packed + stride);
    PAIR(even01, odd01, a, b);
    a = dsp_load(packed + 2 * stride);
    b = dsp_load(packed + 3 * stride);
    PAIR(even23, odd23, a, b);
    DSP_LDRD(xa, xb, x);
    LANES(even01, even23, xa, 0);
    LANES(odd01, odd23, xb, 2);
    DSP_LDRD(xa, xb, x);
    LANES(even01, even23, xa, 4);
    LANES(odd01, odd23, xb, 6);
    DSP_LDRD(xa, xb, x);
    LANES(even01, even23, xa, 8);
    LANES(odd01, odd23, xb, 10);
    DSP_LDRD(xa, xb, x);
    LANES(even01, even23, xa, 12);
    LANES(odd01, odd23, xb, 14);
    packed += 4;
  } while (packed != end);
  split(s01, block->sum, acc);
  split(s23, block->sum, acc + 2);
}

/* One row from column `from` on, a multiple of 16. x as in prepare: column c of a group of 16 is half c / 8
 * of word c % 8. */
static int32_t rest_of_row(const uint8_t* row, int32_t from, int32_t cols, const int16_t* x) {
  int32_t sum = 0;
  for (int32_t c = from; c < cols; c++) {
    int32_t w = (row[c / 4] >> (2 * (c % 4)) & 3) - 1;
    sum += w * x[(c & ~15) + 2 * (c % 8) + (c / 8 & 1)];
  }
  return sum;
}

void bm_dsp_dot_rm2(const uint8_t* packed, int32_t rows, const bm_token* token, int32_t* acc) {
  int32_t cols = token->cols, rest = cols % 16;
  size_t stride = (size_t)bm_rm2_row_bytes(cols);
  const dsp_block* blocks = dsp_blocks(token);
  for (; rows >= 4; rows -= 4, packed += 4 * stride, acc += 4) {
    const uint8_t* at = packed;
    const uint32_t* x = token->data;
    for (int32_t i = 0; i < 4; i++) acc[i] = 0;
    for (const dsp_block* block = blocks; block->words; block++) {
      add_block(at, stride, block, x, acc);
      at += 4 * block->words;
      x += 8 * block->words;
    }
    for (int32_t i = 0; rest && i < 4; i++) {
      acc[i] += rest_of_row(packed + (size_t)i * stride, cols - rest, cols, token->data);
    }
  }
  for (; rows > 0; rows--, packed += stride) *acc++ = rest_of_row(packed, 0, cols, token->data);
}

#endif
