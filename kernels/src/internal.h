/* Shared by the sources of kernels/; not part of the interface. */
#ifndef BITMAR_KERNELS_INTERNAL_H_
#define BITMAR_KERNELS_INTERNAL_H_

#include <float.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bitmar_kernels.h"

/* The same bits everywhere need IEEE float32 expressions, rounded after each operation. */
#if defined(__FAST_MATH__)
#error "bitmar kernels: compile without -ffast-math"
#endif
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0
#error "bitmar kernels: float expressions must be evaluated in float (x86: -mfpmath=sse)"
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

/* Instruction sets that this build contains. AVX2, VNNI and SDOT are looked for at run time too. */
#if defined(__GNUC__) && defined(__x86_64__)
#define BM_HAVE_AVX2 1
#if defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11
#define BM_HAVE_VNNI 1 /* both encodings */
#endif
#elif defined(__GNUC__) && defined(__aarch64__) && defined(__ARM_NEON) && !defined(__ARM_BIG_ENDIAN)
#define BM_HAVE_NEON 1
#if !defined(__clang__) || __clang_major__ >= 16 || defined(__ARM_FEATURE_DOTPROD)
#define BM_HAVE_NEON_DOTPROD 1 /* older clang has vdotq_s32 only where the whole file may use it */
#endif
#elif defined(__GNUC__) && defined(__thumb2__) && defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
#define BM_HAVE_DSP 1
#endif

/* A firmware needs no plain C beside it: BM_NO_PORTABLE leaves it out where the build has one other
 * instruction set, which every processor that it runs on has. */
#if defined(BM_NO_PORTABLE) && defined(BM_HAVE_DSP)
#define BM_ONLY_DSP 1
#else
#define BM_ONLY_DSP 0
#endif

/* BM_LAYOUTS_USED: a bit for each layout whose matrices are multiplied. What a firmware's model does not
 * have, its build leaves out; such a matrix is then BM_ERR_LAYOUT. */
#ifndef BM_LAYOUTS_USED
#define BM_LAYOUTS_USED 15
#endif
#define BM_USES(layout) (BM_LAYOUTS_USED >> (layout)&1)

/* A function that computes in float stays between bm_fp_enter and bm_fp_leave only if it is not inlined. */
#define BM_FLOAT_CODE static __attribute__((noinline))

/* Rows whose int32 sums wait on the stack before they become floats: a multiple of 5 (b3) and of 8 (pl14, c5,
 * and the passes of rm2). A stack of some kilobytes on a microcontroller, one of megabytes elsewhere. */
#if defined(BM_HAVE_DSP)
#define BM_TILE_ROWS 80
#else
#define BM_TILE_ROWS 320
#endif

#define BM_BLOCK 64 /* columns are padded to whole blocks in a prepared token */

enum { BM_LAYOUTS = 4 };

struct bm_token {
  int32_t layout;
  int32_t cols;
  float d;                      /* dequantisation factor */
  int32_t sum;                  /* of all q */
  const struct bm_backend* isa; /* that wrote the vectors below */
  void* data;                   /* [4 * padded columns] bytes: the isa's own form, zero-padded */
  void* spare;                  /* memory after the data: `prepare` may fill it; NULL if there is none */
  size_t spare_bytes;
};

/* acc[units * rows of a unit] = the rows' sums of w * q, exact. A unit is what the layout interleaves: one
 * row (rm2), five (b3) or eight (pl14, c5). */
typedef void bm_dot(const uint8_t* packed, int32_t units, const bm_token* token, int32_t* acc);

/* One instruction set. */
typedef struct bm_backend {
  const char* name;
  int (*available)(void);
  int32_t fastest;                            /* of rm2 and b3, where bytes cost nothing */
  float (*absmax)(const float* x, int32_t n); /* as bm_absmax */
  /* Quantises x (r = 127 / m) into token->data; layout, cols and d are set, sum is to be set. */
  void (*prepare)(bm_token* token, const float* x, float r);
  bm_dot* dot[BM_LAYOUTS];
  int32_t (*dot_s8)(const int8_t* a, const int8_t* b, int32_t n);
  /* bm_dots, where that is faster than dot_s8 row by row; 0 if it leaves this case to the caller. May be
   * NULL. */
  int (*dots)(const int8_t* a, const int8_t* b, const int8_t* rows, int32_t count, int32_t n, int32_t* with_a,
              int32_t* with_b);
  /* BITMAR_TERNARY_FC as a whole, where that is faster than one token and tile after the other. Arguments
   * checked, FP state entered, `memory` at least BM_TOKEN_BYTES(cols). Returns 0 if it leaves this case to
   * the caller. May be NULL. */
  int (*fc)(const bm_ternary* w, const float* x, int32_t n, int32_t activation, float* y, void* memory,
            size_t bytes);
} bm_backend;

/* For instruction sets without an own form of pl14 and c5. */
void bm_portable_prepare(bm_token* token, const float* x, float r);
bm_dot bm_portable_dot_pl14, bm_portable_dot_c5;

extern const bm_backend bm_backend_portable, bm_backend_avx2, bm_backend_avxvnni, bm_backend_avx512vnni,
    bm_backend_neon, bm_backend_neon_dotprod, bm_backend_dsp;

const bm_backend* bm_backend_current(void);

static inline void* bm_align(void* memory, size_t to) {
  return (unsigned char*)memory + (-(uintptr_t)memory & (to - 1));
}
static inline bm_token* bm_token_at(void* memory) { return (bm_token*)bm_align(memory, 16); }

static inline int32_t bm_padded(int32_t cols) { return (cols + BM_BLOCK - 1) / BM_BLOCK * BM_BLOCK; }
static inline int32_t bm_rm2_row_bytes(int32_t cols) { return (cols + 3) / 4; }
static inline int32_t bm_pl14_words(int32_t cols) { return (cols + 15) / 16 * 8; } /* of eight rows */
/* Two rows by eight columns of pl14. */
static inline uint32_t bm_pl14_load(const uint8_t* p) {
  return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
/* Both rows' weights in column c of the eight: a in -1..2 (2 occurs in no valid matrix), b in -2..1 (nor does
 * -2). */
static inline void bm_pl14_weights(uint32_t word, int32_t c, int32_t* a, int32_t* b) {
  int32_t turn = 4 * (c / 2), half = 16 * (c % 2);
  uint32_t lanes = (word >> turn | word << (31 - turn) << 1) >> half;
  *a = (int32_t)(lanes & 3) - 1;
  *b = ((int32_t)(lanes >> 14 & 3) ^ 2) - 2;
}
static inline int32_t bm_c5_groups(int32_t cols) { return (cols + 4) / 5; }

static inline uint32_t bm_bits(float x) {
  uint32_t u;
  memcpy(&u, &x, sizeof u);
  return u;
}

static inline float bm_from_bits(uint32_t u) {
  float x;
  memcpy(&x, &u, sizeof x);
  return x;
}

/* Round to nearest even for |t| < 2^22: the sum's last mantissa bit is worth 1. A NaN gives 0. */
static inline int32_t bm_round(float t) {
  int32_t n = (int32_t)(bm_bits(t + 12582912.0f) - 0x4B400000u);
  return t == t ? n : 0;
}

/* max(max|x_i|, 1e-5), NaN counting as 0. */
float bm_absmax(const float* x, int32_t n);
/* q[n] = rne(x * r), for r = 127 / absmax. */
void bm_quantise_with(const float* x, int32_t n, float r, int8_t* q);
/* The sum of n quantised numbers. */
int32_t bm_sum(const int8_t* q, int32_t n);

/* Rows that a layout packs together (1 for a layout that does not exist), and the bytes of one such unit. */
int32_t bm_unit_rows(int32_t layout);
size_t bm_unit_bytes(int32_t layout, int32_t cols);
/* BM_OK if w can be read by the kernels. */
bm_status bm_ternary_check(const bm_ternary* w);
/* acc[row_end - row_begin], at most BM_TILE_ROWS of them; row_begin is a multiple of bm_unit_rows. */
void bm_ternary_dot(const bm_ternary* w, int32_t row_begin, int32_t row_end, const bm_token* token,
                    int32_t* acc);
/* Quantises x into memory (at least BM_TOKEN_BYTES(cols)); the caller has entered the FP state. */
bm_token* bm_token_write(int32_t layout, int32_t cols, const float* x, void* memory, size_t memory_bytes);

/* exp(x) for x <= 0, 0 below -87 (and for NaN). x = n ln2 + r with |r| <= ln2 / 2; ln2 in two parts (Cody and
 * Waite), the first with so few bits that n * ln2_hi is exact; minimax polynomial of degree 6 whose first two
 * coefficients are 1. Relative error <= 1e-7. The order of operations is part of the ops' definition. */
static inline float bm_exp32_inline(float x) {
  const float log2e = 1.44269504088896341f, round = 12582912.0f; /* 1.5 * 2^23 */
  const float ln2_hi = 0.693359375f, ln2_lo = -2.12194440e-4f;
  const float c2 = 0x1.fffffcp-2f, c3 = 0x1.555492p-3f, c4 = 0x1.5558f4p-5f, c5 = 0x1.123a22p-7f,
              c6 = 0x1.6a23c2p-10f;
  float z = x * log2e + round;
  float n = z - round;
  float r = (x - n * ln2_hi) - n * ln2_lo;
  float p = c6;
  p = p * r + c5;
  p = p * r + c4;
  p = p * r + c3;
  p = p * r + c2;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  uint32_t exponent = bm_bits(z) - 0x4B400000u + 127u; /* n + 127, n in [-126, 0] */
  float y = p * bm_from_bits(exponent << 23);
  return x >= -87.0f ? y : 0.0f; /* after the rest, so that a loop of these can be vectorised */
}
float bm_exp32(float x);
float bm_lane_dot(const float* a, const float* b, int32_t n);
/* s[n] becomes the weights; entries with mask == 0 become 0 (mask NULL: all count). Returns how many count.
 */
int32_t bm_softmax(float* s, const int32_t* mask, int32_t n);

typedef struct bm_attend_args {
  const float* keys; /* of one head: row s at keys + s * stride */
  const float* values;
  size_t stride;
  const int32_t* mask; /* or NULL */
  int32_t count;       /* keys */
  int32_t dh;
  float scale;
} bm_attend_args;

/* One query row, one head: y[dh]; s[count] is scratch. */
void bm_attend(const bm_attend_args* a, const float* q, float* s, float* y);
void bm_weighted_sum(const float* weights, const float* values, size_t stride, const int32_t* mask, int32_t n,
                     int32_t d, float* y);

/* One head of BITMAR_CACHED_ATTENTION_INT8: its codes and float32 scales [window], at any alignment. */
typedef struct bm_int8_head {
  int8_t *k_codes, *v_codes; /* [window, dh] and [dh, window] */
  uint8_t *k_scales, *v_scales;
  int32_t dh, window;
  int32_t count; /* slots that take part */
} bm_int8_head;

#if defined(BM_HAVE_DSP)
/* The same bits in fewer instructions: bm_lane_dot for n % 16 == 0, bm_attend where it can (or 0, and nothing
 * is done). */
float bm_dsp_lane_dot(const float* a, const float* b, int32_t n);
int bm_dsp_attend(const bm_attend_args* a, const float* q, float* s, float* y);
/* codes[i * step] = rne(x[i] * r) */
void bm_dsp_codes(const float* x, int32_t n, float r, int8_t* codes, size_t step);
/* The weighted sums y[dh] of the query q[dh], where it can (or 0, and nothing is done). */
int bm_dsp_attend_int8(const bm_int8_head* h, const float* q, float* y, void* scratch);
#endif

#endif
