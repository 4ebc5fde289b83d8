/* BitMar's arithmetic: what the BITMAR_* ops compute, as a C11 library (ops/ says what an op is).
 *
 * Every function gives the same bits on x86-64, aarch64, armv7 and Cortex-M7, in every instruction-set
 * variant: integer dot products are exact, float additions have one fixed order, exp is our own.
 * docs/custom-ops.md states the arithmetic, tests/kernels/spec.py is its executable specification.
 *
 * No function allocates, does I/O or keeps state between calls (except bm_isa_select). All are reentrant.
 * Scratch memory is the caller's; its size comes from a macro (for static arrays) or a function. Buffers of
 * one call must not overlap unless a comment says so. Each op that computes in float32 puts the FP unit into
 * IEEE mode (round to nearest, denormals kept) and restores the caller's mode before it returns.
 *
 * NaN or infinity in an input: no access out of bounds, the numbers that come out are unspecified.
 *
 * Compile with -std=c11 -O3 -ffp-contract=off -fno-math-errno.
 */
#ifndef BITMAR_KERNELS_H_
#define BITMAR_KERNELS_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- status ---- */

typedef enum bm_status {
  BM_OK = 0,
  BM_ERR_NULL = 1,    /* a pointer that must not be NULL is NULL */
  BM_ERR_SHAPE = 2,   /* sizes that are not positive, too large, or do not fit together */
  BM_ERR_LAYOUT = 3,  /* a weight layout that this build does not have */
  BM_ERR_INDEX = 4,   /* an id or a position outside its range */
  BM_ERR_SCRATCH = 5, /* scratch_bytes is smaller than the documented size */
  BM_ERR_OPTION = 6   /* an attribute with a value that does not exist */
} bm_status;

/* English, constant, never NULL; for any value. */
const char* bm_status_text(bm_status status);

/* ---- floating-point state ---- */

/* The control word of the FP unit: MXCSR (x86), FPCR (aarch64), FPSCR (arm); 0 elsewhere. */
typedef uint32_t bm_fp_state;

/* Round to nearest even, denormals kept, exceptions masked. Returns the caller's state for bm_fp_leave. The
 * ops below do this themselves: only code around them that computes in float and must give the same bits
 * needs it. Keep that code in a function of its own that is not inlined: compilers may move float operations
 * across the two calls. */
bm_fp_state bm_fp_enter(void);
void bm_fp_leave(bm_fp_state saved);

/* ---- ternary matrices ---- */

typedef enum bm_layout {
  BM_LAYOUT_RM2 =
      0, /* row-major, 4 codes (w + 1) a byte, low bits first, each row padded to whole bytes with code 1 */
  BM_LAYOUT_B3 = 1,   /* byte[(r / 5) * cols + c] = sum over i < 5 of (w[5 * (r / 5) + i][c] + 1) * 3^i; rows
                         padded with 0 */
  BM_LAYOUT_PL14 = 2, /* eight rows by eight columns in four little-endian words, one for two rows, whose
                         codes are the operands of a Cortex-M7's SMLAD: docs/custom-ops.md; rows padded to a
                         multiple of 8, columns of 16, with 0 */
  BM_LAYOUT_C5 =
      3 /* byte[((r / 8) * ceil(cols / 5) + c / 5) * 8 + r % 8] = sum over j < 5 of
           (w[r][5 * (c / 5) + j] + 1) * 3^j; rows padded to a multiple of 8, columns of 5, with 0 */
} bm_layout;

#define BM_MAX_COLS 65536     /* the int32 sums inside the b3 kernels hold this many columns */
#define BM_MAX_ROWS 134217728 /* 2^27: sizes stay below 2^63 */

/* A packed ternary matrix [rows, cols]; rows are outputs (or vocabulary entries). It borrows its memory. */
typedef struct bm_ternary {
  const uint8_t* packed; /* bm_packed_bytes(layout, rows, cols) bytes, any alignment */
  const float* gamma;    /* scale: [1], or [rows] if gamma_per_row */
  int32_t rows;
  int32_t cols;
  int32_t layout;        /* bm_layout */
  int32_t gamma_per_row; /* 0 or 1 */
} bm_ternary;

/* Bytes of a packed matrix; 0 for a layout that does not exist or sizes out of range. */
size_t bm_packed_bytes(int32_t layout, int32_t rows, int32_t cols);

/* BM_LAYOUT_RM2 or BM_LAYOUT_B3: which of them this processor's kernels read faster from a cache. */
int32_t bm_fastest_layout(void);

/* The same weights in rm2, from b3: packed[bm_packed_bytes(BM_LAYOUT_RM2, rows, cols)]. */
bm_status bm_repack_b3_as_rm2(const bm_ternary* w, uint8_t* packed);

/* ---- quantisation ---- */

/* Absmax int8 of one token x[n]: m = max(max|x_i|, 1e-5), q_i = rne(x_i * (127 / m)) in [-127, 127], *d = m /
 * 127. */
bm_status bm_quantise(const float* x, int32_t n, int8_t* q, float* d);

/* A quantised token in the form that the kernels read; it lives in the caller's memory. */
typedef struct bm_token bm_token;

/* Bytes for one token of `cols` numbers, for any layout and instruction set; a constant expression, so it can
 * size a static array. It includes the slack for memory of any alignment: about 4.1 * cols + 160. */
#define BM_TOKEN_BYTES(cols) ((((size_t)(cols) + 63) / 64) * 260 + 160)

/* Room for the sums of activations that c5 is read through on a Cortex-M7: 512 bytes for five columns. It is
 * never required, the bits are the same without it; c5 is then several times slower. */
#define BM_TABLE_BYTES(cols) (((size_t)(cols) + 4) / 5 * 512 + 16)

/* Quantises x[cols] for matrices of `layout` with `cols` columns. *token points into memory and is valid
 * until memory is reused or bm_isa_select is called. memory_bytes at least BM_TOKEN_BYTES(cols); for c5
 * better BM_TABLE_BYTES(cols) more. */
bm_status bm_token_prepare(int32_t layout, int32_t cols, const float* x, void* memory, size_t memory_bytes,
                           const bm_token** token);

/* ---- BITMAR_TERNARY_FC ---- */

typedef enum bm_activation { BM_ACTIVATION_NONE = 0, BM_ACTIVATION_SQUARED_RELU = 1 } bm_activation;

/* y[n, rows] = act(dot * (d * gamma)) for x[n, cols], every token quantised on its own. scratch_bytes at
 * least BM_TOKEN_BYTES(cols); with a multiple of it that many tokens share each pass over the weights
 * (prefill from flash: fewer bytes read, same bits). For c5 better BM_TABLE_BYTES(128) more: with tables for
 * fewer columns than w has, they are made anew for one block of columns after the other. */
bm_status bm_ternary_fc(const bm_ternary* w, const float* x, int32_t n, int32_t activation, float* y,
                        void* scratch, size_t scratch_bytes);

/* Tiled form: the rows of one prepared token, y[rows]. To stream a matrix from slow memory, describe each
 * part as a bm_ternary of its own (for b3, parts of a multiple of five rows, for pl14 and c5 of eight; with
 * gamma_per_row, gamma moved along). */
bm_status bm_ternary_fc_token(const bm_ternary* w, const bm_token* token, int32_t activation, float* y);

/* ---- BITMAR_TERNARY_EMBEDDING ---- */

/* y[n, cols] = w[ids[i]] * gamma. BM_ERR_INDEX if an id is outside [0, rows): nothing is written then. */
bm_status bm_ternary_embedding(const bm_ternary* w, const int32_t* ids, int32_t n, float* y);

/* ---- BITMAR_TERNARY_TOPK ---- */

/* The k largest of the logits of x[cols], descending, equal logits by lower id; 1 <= k <= rows. Logits are
 * never stored: ids[k] and logits[k] are the only memory. scratch_bytes at least BM_TOKEN_BYTES(cols); for c5
 * better BM_TABLE_BYTES(cols) more. */
bm_status bm_ternary_topk(const bm_ternary* w, const float* x, int32_t k, int32_t* ids, float* logits,
                          void* scratch, size_t scratch_bytes);

/* Tiled form: merges the rows of one part, whose ids start at first_id, into the best *count (<= k) so far.
 * Start with *count = 0 and give the parts in increasing order of id. */
bm_status bm_ternary_topk_token(const bm_ternary* w, const bm_token* token, int32_t first_id, int32_t k,
                                int32_t* ids, float* logits, int32_t* count);

/* ---- BITMAR_TERNARY_CLASS_TOPK ---- */

/* A head of two levels (Goodman, 2001): rows 0 .. shortlist - 1 are words that are compared with the classes.
 * Class i has the rows from shortlist + i * class_words on, class_words of them, the last one what is left.
 */
typedef struct bm_word_classes {
  int32_t shortlist;   /* 1 .. rows - 1 */
  int32_t class_words; /* at least 1 */
} bm_word_classes;

/* The k largest logits of the shortlist, as above; but where a class has a larger logit than all of them, the
 * k largest of its words (of the class with the largest logit, the first of equal ones), and if those are
 * fewer, then the shortlist's. Only these rows are multiplied. class_logits: one for each class, (rows -
 * shortlist) / class_words of them, rounded up. 1 <= k <= shortlist; scratch as above. */
bm_status bm_ternary_class_topk(const bm_ternary* w, const float* x, const bm_word_classes* classes,
                                const float* class_logits, int32_t k, int32_t* ids, float* logits,
                                void* scratch, size_t scratch_bytes);

/* ---- BITMAR_RMS_NORM ---- */

/* y[rows, n] of x[rows, n] with gain g[n]: y_i = (x_i * r) * g_i, r = 1 / sqrt(mean(x^2) + 1e-6). y may be x.
 */
bm_status bm_rms_norm(const float* x, const float* g, int32_t rows, int32_t n, float* y);

/* ---- BITMAR_ATTENTION ---- */

typedef struct bm_attention_shape {
  int32_t queries;   /* T */
  int32_t keys;      /* S */
  int32_t q_stride;  /* numbers in a row of q */
  int32_t kv_stride; /* numbers in a row of kv */
  int32_t heads;
  int32_t width; /* of all heads together; a multiple of heads */
  int32_t q_offset, k_offset, v_offset;
} bm_attention_shape;

/* Bytes of scratch for one query row over `keys` keys (also for bm_cached_attention with its window). */
#define BM_ATTENTION_BYTES(keys) ((size_t)(keys) * sizeof(float) + 16)

/* y[T, width]; q and kv may be one tensor. Keys with mask[s] == 0 take no part; if no key does, y is 0. The
 * rows of y are independent: a caller short of memory may give one query row at a time. */
bm_status bm_attention(const bm_attention_shape* shape, const float* q, const float* kv, const int32_t* mask,
                       float* y, void* scratch, size_t scratch_bytes);

/* ---- BITMAR_CACHED_ATTENTION ---- */

/* Cache slot of stream position p: p while p < window, then sinks + (p - sinks) % (window - sinks): the first
 * `sinks` tokens stay, the others slide. -1 if p < 0, sinks < 0 or window <= sinks. */
int32_t bm_cache_slot(int32_t p, int32_t window, int32_t sinks);

/* One step: writes k and v of qkv[3 * width] into their slot of k_cache and v_cache [window, width], then
 * attends to the slots 0 .. min(p, window - 1). y[width]. Scratch BM_ATTENTION_BYTES(window). BM_ERR_INDEX if
 * position < 0; on any error the caches are untouched. */
bm_status bm_cached_attention(const float* qkv, int32_t position, int32_t heads, int32_t width,
                              int32_t window, int32_t sinks, float* k_cache, float* v_cache, float* y,
                              void* scratch, size_t scratch_bytes);

/* ---- BITMAR_CACHED_ATTENTION_INT8 ---- */

/* Bytes of one of its caches: for each head int8 codes, [window, width / heads] of keys, [width / heads,
 * window] of values, then float32 scales [window]. */
#define BM_INT8_CACHE_BYTES(window, width, heads) ((size_t)(window) * ((size_t)(width) + 4 * (size_t)(heads)))
#define BM_CACHED_ATTENTION_INT8_BYTES(window, width) ((size_t)(window)*6 + (size_t)(width)*2 + 16)

/* The same step with query, key and value quantised head by head as bm_quantise does, and the weights times
 * the values' scales as int16. k_cache and v_cache have BM_INT8_CACHE_BYTES(window, width, heads) bytes, at
 * any alignment. width at most BM_MAX_COLS. Scratch BM_CACHED_ATTENTION_INT8_BYTES(window, width). Errors as
 * above. */
bm_status bm_cached_attention_int8(const float* qkv, int32_t position, int32_t heads, int32_t width,
                                   int32_t window, int32_t sinks, uint8_t* k_cache, uint8_t* v_cache,
                                   float* y, void* scratch, size_t scratch_bytes);

/* ---- BITMAR_MEMORY_READ ---- */

/* context[d] = sum over i of softmax(scores / temperature)_i * values[k, d]_i, slots with mask[i] == 0 left
 * out; 0 if none is left. */
bm_status bm_memory_read(const float* scores, const float* values, const int32_t* mask, float temperature,
                         int32_t k, int32_t d, float* context);

/* ---- index scores ---- */

/* (float)(a . b) * (da * db) of two quantised vectors of n <= BM_MAX_COLS numbers; the dot is exact. */
float bm_score(const int8_t* a, float da, const int8_t* b, float db, int32_t n);

/* scores[i] = bm_score(query, key i), i < count; key i at keys + i * key_stride bytes, its scale at
 * scales[i]. */
bm_status bm_scores(const int8_t* query, float query_scale, const int8_t* keys, size_t key_stride,
                    const float* scales, int32_t count, int32_t n, float* scores);

/* with_a[i] = a . row i, with_b[i] = b . row i of rows[count, n], i < count, n <= BM_MAX_COLS; exact. */
bm_status bm_dots(const int8_t* a, const int8_t* b, const int8_t* rows, int32_t count, int32_t n,
                  int32_t* with_a, int32_t* with_b);

/* ---- half floats ---- */

/* IEEE 754 binary16 as stored in memory_slots.bin. To half: round to nearest even, overflow to infinity, NaN
 * stays a (quiet) NaN. From half: exact. Integer arithmetic only. */
uint16_t bm_half_from_float(float x);
float bm_half_to_float(uint16_t h);
void bm_halves_from_floats(const float* x, size_t n, uint16_t* h);
void bm_halves_to_floats(const uint16_t* h, size_t n, float* x);

/* ---- checksums ---- */

/* CRC-32 of ISO 3309 (zlib's): of the tokenizer's table, of pictures on the line and of all that is on the
 * card. `crc` is 0 or the CRC of what came before. */
uint32_t bm_crc32(uint32_t crc, const void* data, size_t bytes);

/* ---- instruction sets ---- */

/* The variant in use: "portable", "avx2", "avxvnni", "avx512vnni", "neon", "neon+dotprod" or "dsp"
 * (Cortex-M7, armv7). The best one that the processor has is chosen on first use. All give the same bits. */
const char* bm_isa(void);

/* For tests and measurements: BM_OK if this build and processor have `name`. NULL chooses the best one again.
 */
bm_status bm_isa_select(const char* name);

#ifdef __cplusplus
}
#endif
#endif /* BITMAR_KERNELS_H_ */
