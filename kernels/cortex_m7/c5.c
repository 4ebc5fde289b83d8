/* c5 on the Cortex-M7: a byte, which is five columns of one row, is the index of their sum in a table of the
 * activations (tables.h). Eight rows share each table: three instructions a byte. Two tokens together have
 * tables of words, one token in each half. */
#include "asm.h"
#include "tables.h"

#if defined(BM_HAVE_DSP)

/* One table: r0 is 104 bytes (13 groups) past the loop's first byte, r1 the table, r4..r11 the sums. Loads
 * stand in threes, so that none waits for the one before it. */
#define GROUP(load, shift, add, table_bytes)                                                             \
  "ldrb r2, [r0, #8*\\g-104]\n ldrb r3, [r0, #8*\\g-103]\n"                                              \
  "ldrb r12, [r0, #8*\\g-102]\n" load " r2, [r1, r2, lsl #" shift "]\n" load " r3, [r1, r3, lsl #" shift \
  "]\n" load " r12, [r1, r12, lsl #" shift "]\n" add " r4, r4, r2\n" add " r5, r5, r3\n" add             \
  " r6, r6, r12\n"                                                                                       \
  "ldrb r2, [r0, #8*\\g-101]\n ldrb r3, [r0, #8*\\g-100]\n"                                              \
  "ldrb r12, [r0, #8*\\g-99]\n" load " r2, [r1, r2, lsl #" shift "]\n" load " r3, [r1, r3, lsl #" shift  \
  "]\n" load " r12, [r1, r12, lsl #" shift "]\n" add " r7, r7, r2\n" add " r8, r8, r3\n" add             \
  " r9, r9, r12\n"                                                                                       \
  "ldrb r2, [r0, #8*\\g-98]\n ldrb r3, [r0, #8*\\g-97]\n" load " r2, [r1, r2, lsl #" shift "]\n" load    \
  " r3, [r1, r3, lsl #" shift "]\n" add " r10, r10, r2\n" add                                            \
  " r11, r11, r3\n"                                                                                      \
  "add.w r1, r1, #" table_bytes "\n"

/* The loop of 13 groups: entered at [sp, #8] with r0 advanced by [sp, #12] bytes, so that the first turn is
 * shorter where 13 does not divide the groups; ends with the last table, lr. */
#define LOOP(group)                                                    \
  "ldr r2, [sp, #12]\n ldr r12, [sp, #8]\n add r0, r2\n mov pc, r12\n" \
  ".balign 4\n"                                                        \
  "2: add.w r0, r0, #104\n"                                            \
  "7: .irp g,0,1,2,3,4,5,6,7,8,9,10,11,12\n" group                     \
  ".endr\n"                                                            \
  "cmp r1, lr\n"                                                       \
  "bne.w 2b\n"
/* Where the loop is entered: r2 groups, of which (r2 - 1) % 13 + 1 come first. */
#define ENTRY(group_bytes)                             \
  "5: cmp r2, #13\n itt gt\n subgt r2, #13\n bgt 5b\n" \
  "lsl r4, r2, #3\n str r4, [sp, #12]\n"               \
  "rsb r2, r2, #13\n mov r12, #" group_bytes           \
  "\n mul r2, r2, r12\n"                               \
  "adr.w r12, 7f\n add r2, r12\n str r2, [sp, #8]\n"
#define ZERO                                             \
  "movs r4, #0\n mov r5, r4\n mov r6, r4\n mov r7, r4\n" \
  "mov r8, r4\n mov r9, r4\n mov r10, r4\n mov r11, r4\n"

/* acc[8 * octets] = the sums of `groups` tables of `packed`, or adds to them; `skip` bytes of other groups
 * follow each octet's. */
static DSP_ASM void block_one(const uint8_t* packed, const int16_t* tables, int32_t groups, int32_t octets,
                              int32_t skip, int32_t add, void* acc) {
  __asm__ volatile(
      "push {r4-r11, lr}\n"
      "sub sp, #20\n" /* 0 tables, 4 their end, 8 entry, 12 bytes of the first turn, 16 octets */
      "str r1, [sp]\n"
      "add r12, r1, r2, lsl #9\n"
      "str r12, [sp, #4]\n"
      "str r3, [sp, #16]\n"
      ENTRY("100")
      "1: ldr r3, [sp, #60]\n"
      "ldr r12, [sp, #64]\n"
      "ldr r1, [sp]\n"
      "ldr lr, [sp, #4]\n"
      "cbz r3, 3f\n"
      "ldmia r12, {r4-r11}\n"
      "b 4f\n"
      "3:" ZERO
      "4:" LOOP(GROUP("ldrsh", "1", "add.w", "512"))
      "ldr r12, [sp, #64]\n"
      "ldr r2, [sp, #56]\n"
      "ldr r3, [sp, #16]\n"
      "stmia r12!, {r4-r11}\n"
      "add r0, r2\n"
      "str r12, [sp, #64]\n"
      "subs r3, #1\n"
      "str r3, [sp, #16]\n"
      "bne.w 1b\n"
      "add sp, #20\n"
      "pop {r4-r11, pc}\n");
}

/* The low halves of four pairs are added to acc, or set: lr points to it. */
#define SET_LOW(s0, s1, s2, s3)                                         \
  "sxth r1, " s0 "\n sxth r2, " s1 "\n sxth r3, " s2 "\n sxth r12, " s3 \
  "\n"                                                                  \
  "stmia lr!, {r1, r2, r3, r12}\n"
#define ADD_LOW(s0, s1, s2, s3)                \
  "ldmia lr, {r1, r2, r3, r12}\n"              \
  "sxtah r1, r1, " s0 "\n sxtah r2, r2, " s1   \
  "\n"                                         \
  "sxtah r3, r3, " s2 "\n sxtah r12, r12, " s3 \
  "\n"                                         \
  "stmia lr!, {r1, r2, r3, r12}\n"
#define ADD_HIGH(s0, s1, s2, s3)                    \
  "ldmia lr, {r1, r2, r3, r12}\n"                   \
  "add r1, r1, " s0 ", asr #16\n add r2, r2, " s1   \
  ", asr #16\n"                                     \
  "add r3, r3, " s2 ", asr #16\n add r12, r12, " s3 \
  ", asr #16\n"                                     \
  "stmia lr!, {r1, r2, r3, r12}\n"

/* The same for two tokens; at most PAIR_GROUPS groups. */
static DSP_ASM void block_two(const uint8_t* packed, const uint32_t* tables, int32_t groups, int32_t octets,
                              int32_t skip, int32_t add, void* acc_a, void* acc_b) {
  __asm__ volatile(
      "push {r4-r11, lr}\n"
      "sub sp, #20\n" /* as block_one */
      "str r1, [sp]\n"
      "add r12, r1, r2, lsl #10\n"
      "str r12, [sp, #4]\n"
      "str r3, [sp, #16]\n"
      ENTRY("100")
      "1: ldr r1, [sp]\n"
      "ldr lr, [sp, #4]\n"
      ZERO
      LOOP(GROUP("ldr.w", "2", "sadd16", "1024"))
      "ldr r1, [sp, #60]\n"
      "ldr lr, [sp, #64]\n"
      "cbnz r1, 3f\n"
      SET_LOW("r4", "r5", "r6", "r7") SET_LOW("r8", "r9", "r10", "r11")
      "str lr, [sp, #64]\n"
      "ldr lr, [sp, #68]\n"
      ".irp r,r4,r5,r6,r7,r8,r9,r10,r11\n asr \\r, \\r, #16\n.endr\n"
      "stmia lr!, {r4-r11}\n"
      "b 4f\n"
      "3:" ADD_LOW("r4", "r5", "r6", "r7") ADD_LOW("r8", "r9", "r10", "r11")
      "str lr, [sp, #64]\n"
      "ldr lr, [sp, #68]\n"
      ADD_HIGH("r4", "r5", "r6", "r7") ADD_HIGH("r8", "r9", "r10", "r11")
      "4: str lr, [sp, #68]\n"
      "ldr r2, [sp, #56]\n"
      "ldr r3, [sp, #16]\n"
      "add r0, r2\n"
      "subs r3, #1\n"
      "str r3, [sp, #16]\n"
      "bne.w 1b\n"
      "add sp, #20\n"
      "pop {r4-r11, pc}\n");
}

/* ---- a prepared token: int16 q in order, zeros up to a whole table, then tables if there is room ---- */

/* Bytes of q: whole groups of 16 columns, and of 5. */
static size_t q_bytes(int32_t cols) { return 2 * (size_t)((cols + 15) / 16 * 16 + 16); }

static int16_t* tables_of(const bm_token* token) {
  size_t needed = (size_t)bm_c5_groups(token->cols) * TABLE_BYTES;
  return needed + 4 <= token->spare_bytes ? bm_align(token->spare, 4) : NULL;
}

static void quantise(const float* x, int32_t cols, float r, int16_t* q) {
  bm_dsp_quantise(x, cols, r, 8, q, NULL);
  memset(q + (cols + 15) / 16 * 16, 0, 16 * sizeof *q);
}

void bm_dsp_prepare_c5(bm_token* token, const float* x, float r) {
  int16_t *q = token->data, *tables = tables_of(token);
  quantise(x, token->cols, r, q);
  if (tables) bm_dsp_tables(q, bm_c5_groups(token->cols), tables);
}

void bm_dsp_dot_c5(const uint8_t* packed, int32_t octets, const bm_token* token, int32_t* acc) {
  const int16_t* tables = tables_of(token);
  if (tables)
    block_one(packed, tables, bm_c5_groups(token->cols), octets, 0, 0, acc);
  else
    bm_portable_dot_c5(packed, octets, token, acc);
}
_Static_assert(2 * (BM_BLOCK + 16) <= 4 * BM_BLOCK, "data is too small");

/* ---- whole matrices: tables for one block of columns after the other ---- */

/* One token x, or two where b is not NULL; tables for up to `capacity` groups. y as in bm_dsp_scale. */
static void fc_blocks(const bm_ternary* w, const int16_t* a, const int16_t* b, void* tables, int32_t capacity,
                      float* y) {
  int32_t groups = bm_c5_groups(w->cols), octets = w->rows / 8, rest = w->rows % 8, last[2][8];
  int32_t blocks = (groups + capacity - 1) / capacity, size = (groups + blocks - 1) / blocks;
  float* y_b = y + w->rows;
  const uint8_t* packed = w->packed;
  const uint8_t* last_octet = packed + 8 * (size_t)groups * (size_t)octets;
  for (int32_t first = 0; first < groups; first += size) {
    int32_t n = groups - first < size ? groups - first : size, skip = 8 * (groups - n), add = first > 0;
    if (b) {
      bm_dsp_pair_tables(a + 5 * first, b + 5 * first, n, tables);
      if (octets) block_two(packed, tables, n, octets, skip, add, y, y_b);
      if (rest) block_two(last_octet, tables, n, 1, skip, add, last[0], last[1]);
    } else {
      bm_dsp_tables(a + 5 * first, n, tables);
      if (octets) block_one(packed, tables, n, octets, skip, add, y);
      if (rest) block_one(last_octet, tables, n, 1, skip, add, last[0]);
    }
    packed += 8 * n;
    last_octet += 8 * n;
  }
  memcpy(y + 8 * octets, last[0], (size_t)rest * sizeof(float));
  if (b) memcpy(y_b + 8 * octets, last[1], (size_t)rest * sizeof(float));
}

/* Two tokens' q fit the memory of one token. */
_Static_assert(2 * 2 * BM_BLOCK <= 260 && 2 * 2 * (16 + 16) + 16 <= 160, "a token's memory is too small");

int bm_dsp_fc_c5(const bm_ternary* w, const float* x, int32_t n, int32_t activation, float* y, void* memory,
                 size_t bytes) {
  size_t room = bytes - BM_TOKEN_BYTES(w->cols);
  int32_t one = (int32_t)(room / TABLE_BYTES), two = (int32_t)(room / PAIR_TABLE_BYTES);
  if (one > bm_c5_groups(w->cols)) one = bm_c5_groups(w->cols);
  if (two > PAIR_GROUPS) two = PAIR_GROUPS;
  if (one == 0) return 0;
  int16_t* q[2] = {bm_align(memory, 16), (int16_t*)((char*)bm_align(memory, 16) + q_bytes(w->cols))};
  void* tables = (char*)q[1] + q_bytes(w->cols);
  while (n > 0) {
    int32_t tokens = n >= 2 && two ? 2 : 1;
    float d[2];
    for (int32_t t = 0; t < tokens; t++, x += w->cols) {
      float m = bm_dsp_absmax(x, w->cols);
      d[t] = m / 127.0f;
      quantise(x, w->cols, 127.0f / m, q[t]);
    }
    fc_blocks(w, q[0], tokens == 2 ? q[1] : NULL, tables, tokens == 2 ? two : one, y);
    for (int32_t t = 0; t < tokens; t++, y += w->rows) bm_dsp_scale(w, d[t], activation, y);
    n -= tokens;
  }
  return 1;
}

#endif
