/* The tables of tables.h, in about 185 instructions each (300 for a pair): a sum differs from one made before
 * by one addition, and SADD16 adds two at once. Columns are called e, f, a, b, c from the lowest digit on. */
#include "tables.h"

#include "asm.h"

#if defined(BM_HAVE_DSP)

/* r2..r10 hold 18 sums: those of e and f for two neighbouring values of the upper three digits, t and t + 1.
 * From t to t + 2 the sums of the first grow by `even`, of the second by `odd`; r6 has one of each. */
#define STEP(even, odd)                                                      \
  "sadd16 r2, r2, " even "\n sadd16 r3, r3, " even "\n sadd16 r4, r4, " even \
  "\n"                                                                       \
  "sadd16 r5, r5, " even "\n sadd16 r7, r7, " odd "\n sadd16 r8, r8, " odd   \
  "\n"                                                                       \
  "sadd16 r9, r9, " odd "\n sadd16 r10, r10, " odd "\n"
#define STORE "stmia r0!, {r2-r10}\n"
#define BOTH(by) STEP(by, by) "sadd16 r6, r6, " by "\n" STORE
#define EACH(even, odd) STEP(even, odd) "pkhbt r1, " even ", " odd "\n sadd16 r6, r6, r1\n" STORE
#define P "r11" /* 2 a */
#define Q "r12" /* b - a */
#define R "lr"  /* c - 2 b - a */

static DSP_ASM void tables_one(const int16_t* x, const int16_t* end, int16_t* tables) {
  __asm__ volatile(
      "push {r4-r11, lr}\n"
      "sub sp, #8\n" /* 0 x, 4 its end */
      "str r1, [sp, #4]\n"
      "mov r1, r0\n"
      "mov r0, r2\n"
      "1: ldrsh r9, [r1], #2\n" /* e */
      "ldrsh r10, [r1], #2\n"   /* f */
      "ldrsh r11, [r1], #2\n"   /* a */
      "ldrsh r12, [r1], #2\n"   /* b */
      "ldrsh lr, [r1], #2\n"    /* c */
      "str r1, [sp]\n"
      "add r2, r9, r10\n"
      "add r3, r12, lr\n"
      "add r2, r11\n"
      "sub lr, lr, r11\n"
      "add r2, r3\n"
      "rsb r2, r2, #0\n" /* all codes 0 */
      "sub lr, lr, r12, lsl #1\n"
      "sub r12, r12, r11\n"
      "pkhbt r9, r9, r9, lsl #16\n"
      "pkhbt r10, r10, r10, lsl #16\n"
      "pkhbt r11, r11, r11, lsl #16\n"
      "pkhbt r12, r12, r12, lsl #16\n"
      "pkhbt lr, lr, lr, lsl #16\n"
      "add r3, r2, r9\n"
      "add r4, r2, r10\n"
      "add r5, r3, r9\n"
      "pkhbt r2, r2, r3, lsl #16\n" /* (0, e), beside what all have */
      "pkhbt r3, r5, r4, lsl #16\n" /* (2e, f) */
      "sadd16 r5, r2, r10\n"        /* (f, e + f) */
      "sadd16 r6, r2, r11\n"
      "sadd16 r7, r2, r9\n"
      "sadd16 r4, r5, r9\n"  /* (e + f, 2e + f) */
      "sadd16 r8, r5, r11\n" /* (f, e + f) + a */
      "sadd16 r5, r5, r10\n" /* (2f, e + 2f) */
      "sadd16 r7, r7, r11\n" /* (e, 2e) + a */
      "sadd16 r1, r4, r10\n" /* (e + 2f, 2e + 2f) */
      "lsl r6, r6, #16\n"
      "sadd16 r9, r3, r10\n"
      "pkhtb r6, r6, r1, asr #16\n" /* (2e + 2f, 0 + a) */
      "sadd16 r9, r9, r11\n"        /* (2e + f, 2f) + a */
      "sadd16 r10, r1, r11\n"       /* (e + 2f, 2e + 2f) + a */
      "sadd16 r11, r11, r11\n" STORE EACH(P, Q) EACH(Q, P) BOTH(Q) EACH(P, R) EACH(R, P) BOTH(Q) EACH(P, Q)
          EACH(Q, P) BOTH(R) EACH(P, Q) EACH(Q, P) BOTH(Q) BOTH(P) /* t = 26; there is no t = 27 */
      "ldrd r1, r2, [sp]\n"
      "adds r0, #8\n" /* 252 entries were written */
      "cmp r1, r2\n"
      "bne.w 1b\n"
      "add sp, #8\n"
      "pop {r4-r11, pc}\n");
}

void bm_dsp_tables(const int16_t* x, int32_t groups, int16_t* tables) {
  tables_one(x, x + 5 * groups, tables);
}

/* r2..r10 hold the nine pairs of sums of e and f; the upper digits step by a, or from 2 to 0 with a carry. */
#define NINE(by) ".irp r,r2,r3,r4,r5,r6,r7,r8,r9,r10\n sadd16 \\r, \\r, " by "\n.endr\n" STORE
#define BY_A "r11"
#define BY_B "r12" /* b - 2 a */
#define BY_C "lr"  /* c - 2 b - 2 a */
#define THREE_OF_A STORE NINE(BY_A) NINE(BY_A)
#define NEXT_THREE(carry) NINE(carry) NINE(BY_A) NINE(BY_A)
/* d = the next column of both tokens: r1 token a, r2 token b */
#define LOAD(d) "ldrh " d ", [r1], #2\n ldrh r3, [r2], #2\n orr " d ", " d ", r3, lsl #16\n"

static DSP_ASM void tables_two(const int16_t* a, const int16_t* b, const int16_t* end_of_a,
                               uint32_t* tables) {
  __asm__ volatile(
      "push {r4-r11, lr}\n"
      "sub sp, #12\n" /* 0 a, 4 b, 8 end of a */
      "str r2, [sp, #8]\n"
      "mov r2, r1\n"
      "mov r1, r0\n"
      "mov r0, r3\n"
      "1:\n"
      LOAD("r9") LOAD("r10") LOAD("r11") LOAD("r12") LOAD("lr")
      "strd r1, r2, [sp]\n"
      "sadd16 r3, r11, r12\n" /* a + b */
      "sadd16 r2, r9, r10\n"
      "sadd16 r4, r3, lr\n"
      "movs r5, #0\n"
      "sadd16 r2, r2, r4\n"
      "ssub16 r12, r12, r11\n"
      "ssub16 lr, lr, r3\n"
      "ssub16 r12, r12, r11\n"
      "ssub16 lr, lr, r3\n"
      "ssub16 r2, r5, r2\n" /* all codes 0 */
      "sadd16 r3, r2, r9\n"
      "sadd16 r5, r2, r10\n"
      "sadd16 r4, r3, r9\n"
      "sadd16 r6, r3, r10\n"
      "sadd16 r7, r4, r10\n"
      "sadd16 r8, r5, r10\n"
      "sadd16 r9, r6, r10\n"
      "sadd16 r10, r7, r10\n"
      THREE_OF_A NEXT_THREE(BY_B) NEXT_THREE(BY_B)
      NEXT_THREE(BY_C) NEXT_THREE(BY_B) NEXT_THREE(BY_B)
      NEXT_THREE(BY_C) NEXT_THREE(BY_B) NEXT_THREE(BY_B)
      "ldrd r1, r2, [sp]\n"
      "ldr r3, [sp, #8]\n"
      "adds r0, #52\n" /* 243 entries were written */
      "cmp r1, r3\n"
      "bne.w 1b\n"
      "add sp, #12\n"
      "pop {r4-r11, pc}\n");
}

void bm_dsp_pair_tables(const int16_t* a, const int16_t* b, int32_t groups, uint32_t* tables) {
  tables_two(a, b, a + 5 * groups, tables);
}

#endif
