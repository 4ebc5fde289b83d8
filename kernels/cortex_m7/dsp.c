/* The "dsp" instruction set: the forms of a token that dot_rm2.c and dot_b3.c read, int8 dots. */
#include "dsp.h"

#if defined(BM_HAVE_DSP)

/* int32 q[padded]: b3 multiplies whole registers */
static void prepare_b3(bm_token* token, const float* x, float r) {
  float* q = token->data; /* integers, moved by float registers */
  int32_t n = token->cols;
#pragma GCC unroll 4
  for (int32_t i = 0; i < n; i++) {
    float bits = dsp_round(x[i] * r);
    memcpy(q + i, &bits, sizeof bits);
  }
}

static inline int32_t rounded(float t) {
  float bits = dsp_round(t);
  return (int32_t)bm_bits(bits);
}

/* Per group of 16 columns eight words, word i with columns i (low half) and i + 8 (high half), then the list
 * of blocks. Blocks cover whole groups only: the columns after them are multiplied one by one. */
static void prepare_rm2(bm_token* token, const float* x, float r) {
  int32_t rest = token->cols % 16, ones = 0x00010001;
  uint32_t* words = token->data;
  dsp_block* block = dsp_blocks(token);
  int32_t room = 0;
  *block = (dsp_block){0, 0};
  for (const float* end = x + (token->cols - rest); x != end; x += 16, words += 8) {
    int32_t sum = 0, magnitude = 0;
#pragma GCC unroll 8
    for (int32_t i = 0; i < 8; i++) {
      uint32_t word = ((uint32_t)rounded(x[i] * r) & 0xFFFFu) | (uint32_t)rounded(x[i + 8] * r) << 16,
               absolute;
      DSP_SMLAD(sum, word, ones);
      DSP_ABS16(absolute, word);
      DSP_SMLAD(magnitude, absolute, ones);
      words[i] = word;
    }
    if (magnitude > room) { /* the next block; the first one if there is none yet */
      if (block->words) block++;
      *block = (dsp_block){0, 0};
      room = 8191;
    }
    block->words++;
    block->sum += sum;
    room -= magnitude;
  }
  if (block->words) *++block = (dsp_block){0, 0};
  int16_t* halves = (int16_t*)words;
  for (int32_t i = 0; i < rest; i++) halves[2 * (i % 8) + i / 8] = (int16_t)rounded(x[i] * r);
}

static void prepare(bm_token* token, const float* x, float r) {
  if (BM_USES(BM_LAYOUT_RM2) && token->layout == BM_LAYOUT_RM2) prepare_rm2(token, x, r);
  if (BM_USES(BM_LAYOUT_B3) && token->layout == BM_LAYOUT_B3) prepare_b3(token, x, r);
  if (BM_USES(BM_LAYOUT_PL14) && token->layout == BM_LAYOUT_PL14) bm_dsp_prepare_pl14(token, x, r);
  if (BM_USES(BM_LAYOUT_C5) && token->layout == BM_LAYOUT_C5) bm_dsp_prepare_c5(token, x, r);
}

static int fc(const bm_ternary* w, const float* x, int32_t n, int32_t activation, float* y, void* memory,
              size_t bytes) {
  if (BM_USES(BM_LAYOUT_PL14) && w->layout == BM_LAYOUT_PL14)
    return bm_dsp_fc_pl14(w, x, n, activation, y, memory, bytes);
  if (BM_USES(BM_LAYOUT_C5) && w->layout == BM_LAYOUT_C5)
    return bm_dsp_fc_c5(w, x, n, activation, y, memory, bytes);
  return 0;
}

#define SXTB16(d, w, rotation) __asm__("sxtb16 %0, %1, ror #" rotation : "=r"(d) : "r"(w))

static int32_t dot_s8(const int8_t* a, const int8_t* b, int32_t n) {
  int32_t sum = 0;
  for (; n >= 4; n -= 4, a += 4, b += 4) {
    uint32_t wa = dsp_load((const uint8_t*)a), wb = dsp_load((const uint8_t*)b), ha, hb;
    SXTB16(ha, wa, "0");
    SXTB16(hb, wb, "0");
    DSP_SMLAD(sum, ha, hb);
    SXTB16(ha, wa, "8");
    SXTB16(hb, wb, "8");
    DSP_SMLAD(sum, ha, hb);
  }
  for (; n > 0; n--) sum += *a++ * *b++;
  return sum;
}

static int available(void) { return 1; }

#define KERNEL(layout, name) (BM_USES(BM_LAYOUT_##layout) ? bm_dsp_dot_##name : NULL)

const bm_backend bm_backend_dsp = {
    .name = "dsp",
    .available = available,
    .fastest = BM_LAYOUT_RM2,
    .absmax = bm_dsp_absmax,
    .prepare = prepare,
    .dot = {KERNEL(RM2, rm2), KERNEL(B3, b3), KERNEL(PL14, pl14), KERNEL(C5, c5)},
    .dot_s8 = dot_s8,
    .dots = bm_dsp_dots,
    .fc = fc,
};

#endif
