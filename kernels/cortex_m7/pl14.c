/* pl14 on the Cortex-M7. A word has the codes of two rows, a and b, and eight columns, where SMLAD wants
 * them: an AND with the word rotated by 0, 4, 8 and 12 leaves two 16-bit lanes (w_a + 1) + 2^14 w_b, and one
 * SMLAD with two activations makes four multiply-accumulates. Bits 0..13 of the sum are row a, the rest row
 * b. It starts at -sum(x), for the 1 in w_a + 1.
 *
 * The low field holds |sum| <= 8191: the sums are taken apart after every block of columns whose sum of |x|
 * stays below that, at least 64 columns. */
#include "asm.h"

#if defined(BM_HAVE_DSP)

enum { FIELD = 8191 };

/* ---- one token ---- */

/* Eight columns of eight rows: words r8..r11, columns in r2 and r3, sums r4..r7, mask lr. A register that is
 * free takes every other AND, so that SMLAD does not wait for the one before it. */
#define ONE_ROT(x, rotation)                         \
  "and r12, lr, r8" rotation "\n smlad r4, r12, " x  \
  ", r4\n"                                           \
  "and r12, lr, r9" rotation "\n smlad r5, r12, " x  \
  ", r5\n"                                           \
  "and r12, lr, r10" rotation "\n smlad r6, r12, " x \
  ", r6\n"                                           \
  "and r12, lr, r11" rotation "\n smlad r7, r12, " x ", r7\n"
#define ONE_STEP \
  "ldrd r8, r9, [r0], #8\n ldrd r10, r11, [r0], #8\n ldrd r2, r3, [r1], #8\n" \
  ONE_ROT("r2", "")                                                          \
  "and r12, lr, r8, ror #4\n and r2, lr, r9, ror #4\n"                       \
  "smlad r4, r12, r3, r4\n smlad r5, r2, r3, r5\n"                           \
  "and r12, lr, r10, ror #4\n and r2, lr, r11, ror #4\n"                     \
  "smlad r6, r12, r3, r6\n smlad r7, r2, r3, r7\n"                           \
  "ldrd r2, r3, [r1], #8\n"                                                  \
  ONE_ROT("r2", ", ror #8")                                                  \
  "and r8, lr, r8, ror #12\n and r9, lr, r9, ror #12\n"                      \
  "and r10, lr, r10, ror #12\n and r11, lr, r11, ror #12\n"                  \
  "smlad r4, r8, r3, r4\n smlad r5, r9, r3, r5\n"                            \
  "smlad r6, r10, r3, r6\n smlad r7, r11, r3, r7\n"
/* its bytes: 36 instructions of four */
#define ONE_STEP_BYTES "144"

#define ONE_SET(s)                       \
  "sbfx r2, " s ", #0, #14\n sub r3, " s \
  ", r2\n"                               \
  "asr r3, r3, #14\n strd r2, r3, [r12], #8\n"
#define ONE_ADD(s)                       \
  "ldrd r8, r9, [r12]\n"                 \
  "sbfx r2, " s ", #0, #14\n sub r3, " s \
  ", r2\n"                               \
  "add r8, r2\n add r9, r9, r3, asr #14\n strd r8, r9, [r12], #8\n"

/* A block of columns, 16 * groups of them, for `octets` times eight rows; `skip` bytes of other blocks follow
 * each octet's. acc is set, or added to. */
static DSP_ASM void block_one(const uint8_t* packed, const int16_t* x, int32_t groups, int32_t octets,
                              int32_t skip, int32_t minus_sum, int32_t add, void* acc) {
  __asm__ volatile(
      "push {r4-r11, lr}\n"
      "sub sp, #20\n" /* 0 x, 4 end of x, 8 octets, 12 where the loop of 64 columns is entered */
      "str r1, [sp]\n"
      "add r12, r1, r2, lsl #5\n"
      "str r12, [sp, #4]\n"
      "str r3, [sp, #8]\n"
      "rsb r2, r2, #0\n" /* (-groups) % 4 groups are passed over in the first turn */
      "and r2, r2, #3\n"
      "mov r3, #2*" ONE_STEP_BYTES "\n"
      "mul r2, r2, r3\n"
      "adr r3, 2f\n"
      "add r3, r3, r2\n"
      "str r3, [sp, #12]\n"
      "movw lr, #0xC003\n movt lr, #0xC003\n"
      "1: ldr r4, [sp, #60]\n"
      "ldr r1, [sp]\n"
      "ldr r12, [sp, #12]\n"
      "mov r5, r4\n mov r6, r4\n mov r7, r4\n"
      "mov pc, r12\n"
      ".balign 4\n"
      "2: .rept 8\n" ONE_STEP
      ".endr\n"
      "ldr r12, [sp, #4]\n"
      "cmp r1, r12\n"
      "bne.w 2b\n"
      "ldr r3, [sp, #64]\n"
      "ldr r12, [sp, #68]\n"
      "cbnz r3, 3f\n"
      ONE_SET("r4") ONE_SET("r5") ONE_SET("r6") ONE_SET("r7")
      "b 4f\n"
      "3:\n"
      ONE_ADD("r4") ONE_ADD("r5") ONE_ADD("r6") ONE_ADD("r7")
      "4: str r12, [sp, #68]\n"
      "ldr r2, [sp, #56]\n"
      "ldr r3, [sp, #8]\n"
      "add r0, r2\n"
      "subs r3, #1\n"
      "str r3, [sp, #8]\n"
      "bne.w 1b\n"
      "add sp, #20\n"
      "pop {r4-r11, pc}\n");
}

/* ---- two tokens ---- */

/* Eight columns of four rows: words r8 and r9, columns of the tokens r2, r3 and r10, r11, sums r4, r5 and r6,
 * r7. One AND serves both. */
#define TWO_ROT(xa, xb, rotation)                  \
  "and r12, lr, r8" rotation                       \
  "\n"                                             \
  "smlad r4, r12, " xa ", r4\n smlad r6, r12, " xb \
  ", r6\n"                                         \
  "and r12, lr, r9" rotation                       \
  "\n"                                             \
  "smlad r5, r12, " xa ", r5\n smlad r7, r12, " xb ", r7\n"
#define TWO_STEP                                                                                        \
  "ldrd r8, r9, [r0], #16\n ldrd r2, r3, [r1], #8\n ldrd r10, r11, [r1], #8\n" TWO_ROT("r2", "r10", "") \
      TWO_ROT("r3", "r11", ", ror #4") "ldrd r2, r3, [r1], #8\n ldrd r10, r11, [r1], #8\n" TWO_ROT(     \
          "r2", "r10", ", ror #8") TWO_ROT("r3", "r11", ", ror #12")
/* its bytes: 29 instructions of four */
#define TWO_STEP_BYTES "116"

#define TWO_SET(s0, s1)                     \
  "sbfx r2, " s0 ", #0, #14\n sbfx r8, " s1 \
  ", #0, #14\n"                             \
  "sub r3, " s0 ", r2\n sub r9, " s1        \
  ", r8\n"                                  \
  "asr r3, r3, #14\n asr r9, r9, #14\n stmia r12!, {r2, r3, r8, r9}\n"
#define TWO_ADD(s0, s1)                       \
  "ldmia r12, {r2, r3, r8, r9}\n"             \
  "sbfx r10, " s0 ", #0, #14\n sbfx r11, " s1 \
  ", #0, #14\n"                               \
  "add r2, r10\n add r8, r11\n"               \
  "sub r10, " s0 ", r10\n sub r11, " s1       \
  ", r11\n"                                   \
  "add r3, r3, r10, asr #14\n add r9, r9, r11, asr #14\n stmia r12!, {r2, r3, r8, r9}\n"

/* As block_one for two tokens; xs has four columns of one, then four of the other. `stride`: bytes from octet
 * to octet. Each octet is read in two halves of four rows. */
static DSP_ASM void block_two(const uint8_t* packed, const int16_t* xs, int32_t groups, int32_t octets,
                              int32_t stride, const int32_t minus_sums[2], int32_t add, void* acc_a,
                              void* acc_b) {
  __asm__ volatile(
      "push {r4-r11, lr}\n"
      "sub sp, #28\n" /* 0 xs, 4 end of xs, 8 halves, 12 entry, 16 packed, 20 step to the next half, 24 step after it */
      "str r1, [sp]\n"
      "add r12, r1, r2, lsl #6\n"
      "str r12, [sp, #4]\n"
      "lsl r3, r3, #1\n"
      "str r3, [sp, #8]\n"
      "rsb r2, r2, #0\n"
      "and r2, r2, #3\n"
      "mov r3, #2*" TWO_STEP_BYTES "\n"
      "mul r2, r2, r3\n"
      "adr r3, 2f\n"
      "add r3, r3, r2\n"
      "str r3, [sp, #12]\n"
      "str r0, [sp, #16]\n"
      "movs r2, #8\n"
      "ldr r3, [sp, #64]\n"
      "subs r3, #8\n"
      "strd r2, r3, [sp, #20]\n"
      "movw lr, #0xC003\n movt lr, #0xC003\n"
      "1: ldr r1, [sp, #68]\n"
      "ldrd r4, r6, [r1]\n"
      "ldr r1, [sp]\n"
      "mov r5, r4\n mov r7, r6\n"
      "ldr r12, [sp, #12]\n"
      "mov pc, r12\n"
      ".balign 4\n"
      "2: .rept 8\n" TWO_STEP
      ".endr\n"
      "ldr r12, [sp, #4]\n"
      "cmp r1, r12\n"
      "bne.w 2b\n"
      "ldr r3, [sp, #72]\n"
      "ldr r12, [sp, #76]\n"
      "cbnz r3, 3f\n"
      TWO_SET("r4", "r5")
      "str r12, [sp, #76]\n"
      "ldr r12, [sp, #80]\n"
      TWO_SET("r6", "r7")
      "b 4f\n"
      "3:\n"
      TWO_ADD("r4", "r5")
      "str r12, [sp, #76]\n"
      "ldr r12, [sp, #80]\n"
      TWO_ADD("r6", "r7")
      "4: str r12, [sp, #80]\n"
      "ldrd r2, r3, [sp, #20]\n"
      "ldr r0, [sp, #16]\n"
      "strd r3, r2, [sp, #20]\n"
      "add r0, r2\n"
      "str r0, [sp, #16]\n"
      "ldr r2, [sp, #8]\n"
      "subs r2, #1\n"
      "str r2, [sp, #8]\n"
      "bne.w 1b\n"
      "add sp, #28\n"
      "pop {r4-r11, pc}\n");
}

/* ---- blocks of columns ---- */

/* Neighbouring groups of 16 columns; 0 groups end a list. */
typedef struct block {
  int32_t groups;
  int32_t minus_sums[2]; /* of each token's q */
} block;

/* Lists the blocks of one token or two (b is not NULL). */
static void list_blocks(int32_t groups, const dsp_sums* a, const dsp_sums* b, block* list) {
  int32_t room_a = 0, room_b = 0;
  for (block* next = list; groups > 0; groups--, a++) {
    dsp_sums other = b ? *b++ : (dsp_sums){0, 0};
    if (next == list || a->magnitude > room_a || other.magnitude > room_b) {
      *next++ = (block){0, {0, 0}};
      room_a = room_b = FIELD;
    }
    next[-1].groups++;
    next[-1].minus_sums[0] -= a->sum;
    next[-1].minus_sums[1] -= other.sum;
    room_a -= a->magnitude;
    room_b -= other.magnitude;
    *next = (block){0, {0, 0}};
  }
}

static int32_t groups_of(int32_t cols) { return (cols + 15) / 16; }
static int aligned(const uint8_t* packed) { return ((uintptr_t)packed & 3) == 0; }

/* All rows of w in `octets` octets from `packed` on, by one token. */
static void rows_one(const uint8_t* packed, int32_t groups, int32_t octets, const int16_t* x,
                     const block* list, void* acc) {
  for (const block* at = list; octets > 0 && at->groups; at++) {
    block_one(packed, x, at->groups, octets, 32 * (groups - at->groups), at->minus_sums[0], at != list, acc);
    packed += 32 * at->groups;
    x += 16 * at->groups;
  }
}

static void rows_two(const uint8_t* packed, int32_t groups, int32_t octets, const int16_t* xs,
                     const block* list, void* acc_a, void* acc_b) {
  for (const block* at = list; octets > 0 && at->groups; at++) {
    block_two(packed, xs, at->groups, octets, 32 * groups, at->minus_sums, at != list, acc_a, acc_b);
    packed += 32 * at->groups;
    xs += 32 * at->groups;
  }
}

/* ---- a prepared token: int16 q in order, then its blocks ---- */

static block* blocks_of(const bm_token* token) {
  return (block*)((char*)token->data + 2 * bm_padded(token->cols) + 8 * groups_of(bm_padded(token->cols)));
}

void bm_dsp_prepare_pl14(bm_token* token, const float* x, float r) {
  int16_t* q = token->data;
  dsp_sums* sums = (dsp_sums*)(q + bm_padded(token->cols));
  bm_dsp_quantise(x, token->cols, r, 8, q, sums);
  int32_t groups = groups_of(token->cols);
  token->sum = 0;
  for (int32_t i = 0; i < groups; i++) token->sum += sums[i].sum;
  list_blocks(groups, sums, NULL, blocks_of(token));
}
/* for every 64 columns: q, sums, a block for each group (of numbers that are none) and the list's end */
_Static_assert(2 * BM_BLOCK + 8 * BM_BLOCK / 16 + 5 * sizeof(block) <= 4 * BM_BLOCK, "data is too small");

void bm_dsp_dot_pl14(const uint8_t* packed, int32_t octets, const bm_token* token, int32_t* acc) {
  if (!aligned(packed))
    bm_portable_dot_pl14(packed, octets, token, acc);
  else
    rows_one(packed, groups_of(token->cols), octets, token->data, blocks_of(token), acc);
}

/* ---- whole matrices ---- */

/* y as in bm_dsp_scale; the last rows, if they are no whole octet, by way of the stack. */
static void fc_one(const bm_ternary* w, const bm_token* token, float* y) {
  int32_t groups = groups_of(w->cols), octets = w->rows / 8, rest = w->rows % 8, last[8];
  rows_one(w->packed, groups, octets, token->data, blocks_of(token), y);
  if (!rest) return;
  rows_one(w->packed + 32 * (size_t)groups * (size_t)octets, groups, 1, token->data, blocks_of(token), last);
  memcpy(y + 8 * octets, last, (size_t)rest * sizeof *last);
}

/* Two tokens x[2][cols] with factors d[2]; memory of two tokens. */
static void fc_two(const bm_ternary* w, const float* x, float* d, float* y, void* memory) {
  int32_t groups = groups_of(w->cols), octets = w->rows / 8, rest = w->rows % 8, last[2][8];
  int16_t* xs = bm_align(memory, 16);
  dsp_sums* sums = (dsp_sums*)(xs + 32 * groups);
  block* list = (block*)(sums + 2 * groups);
  for (int32_t t = 0; t < 2; t++) {
    float m = bm_dsp_absmax(x + t * w->cols, w->cols);
    d[t] = m / 127.0f;
    bm_dsp_quantise(x + t * w->cols, w->cols, 127.0f / m, 16, xs + 4 * t, sums + t * groups);
  }
  list_blocks(groups, sums, sums + groups, list);
  rows_two(w->packed, groups, octets, xs, list, y, y + w->rows);
  if (!rest) return;
  rows_two(w->packed + 32 * (size_t)groups * (size_t)octets, groups, 1, xs, list, last[0], last[1]);
  memcpy(y + 8 * octets, last[0], (size_t)rest * sizeof(int32_t));
  memcpy(y + w->rows + 8 * octets, last[1], (size_t)rest * sizeof(int32_t));
}
/* for every 16 columns: both tokens' q, their sums and a block */
_Static_assert(2 * 2 * 16 + 2 * sizeof(dsp_sums) + sizeof(block) <= 2 * 65,
               "two tokens' memory is too small");

int bm_dsp_fc_pl14(const bm_ternary* w, const float* x, int32_t n, int32_t activation, float* y, void* memory,
                   size_t bytes) {
  size_t cols = (size_t)w->cols, rows = (size_t)w->rows;
  int pairs = bytes >= 2 * BM_TOKEN_BYTES(cols);
  if (!aligned(w->packed)) return 0;
  while (n > 0) {
    if (pairs && n >= 2) {
      float d[2];
      fc_two(w, x, d, y, memory);
      bm_dsp_scale(w, d[0], activation, y);
      bm_dsp_scale(w, d[1], activation, y + rows);
      n -= 2;
      x += 2 * cols;
      y += 2 * rows;
    } else {
      const bm_token* token = bm_token_write(BM_LAYOUT_PL14, w->cols, x, memory, bytes);
      fc_one(w, token, y);
      bm_dsp_scale(w, token->d, activation, y);
      n--;
      x += cols;
      y += rows;
    }
  }
  return 1;
}

#endif
