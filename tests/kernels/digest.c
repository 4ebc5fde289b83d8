/* Runs every op on seeded cases and prints one line "<instruction set> <digest>" for each variant that this
 * build and processor have. The digests must be equal everywhere.
 *
 *   digest          sane inputs of all magnitudes
 *   digest flush    the same with the caller's FP unit flushing denormals and rounding towards zero; exits 3
 * if an op does not give the caller's mode back digest hostile  random bits as floats (NaN, infinity) and as
 * packed weights, for the sanitizers; prints "done"
 *
 * A number as the second argument chooses other cases.
 *
 * Every buffer is allocated at its exact size, so that a sanitizer sees the first byte too far. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bitmar_kernels.h"
#include "bitmar_vision.h"

static int hostile;
static uint32_t seed;
static uint64_t digest;

static uint32_t rnd(void) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  seed ^= seed << 5;
  return seed * 2654435761u >> 7 | seed << 25;
}

static int32_t between(int32_t low, int32_t high) {
  return low + (int32_t)(rnd() % (uint32_t)(high - low + 1));
}

static void hash(const void* data, size_t n) {
  const unsigned char* p = data;
  for (size_t i = 0; i < n; i++) digest = (digest ^ p[i]) * 1099511628211u;
}

/* ---- the caller's FP mode ---- */

static void set_mode(uint32_t mode) { bm_fp_leave(mode); }

static uint32_t get_mode(void) {
  uint32_t mode = bm_fp_enter();
  bm_fp_leave(mode);
  return mode;
}

/* flush denormals, round towards zero */
#if defined(__x86_64__)
enum { FLUSH = 0x1F80 | 0x8040 | 0x6000 };
#elif defined(__arm__) || defined(__aarch64__)
enum { FLUSH = 1 << 24 | 3 << 22 };
#endif

static uint32_t mode;

static void check_status(bm_status status, const char* op) {
  if (status != BM_OK) {
    printf("%s: %s\n", op, bm_status_text(status));
    exit(2);
  }
  uint32_t control = get_mode();
#if defined(__x86_64__)
  control &= 0xFFC0; /* the rest are sticky flags */
#elif defined(__arm__)
  control &= 0x03C00000;
#endif
  if (control != mode) {
    printf("%s left the FP unit in mode %08x, not %08x\n", op, (unsigned)control, (unsigned)mode);
    exit(3);
  }
}

/* ---- buffers ---- */

static void* buffers[16];
static int used;

static void* make(size_t n) {
  void* p = malloc(n);
  if (!p) exit(4);
  buffers[used++] = p;
  return p;
}

static void free_all(void) {
  while (used) free(buffers[--used]);
}

/* Small enough that no op overflows: infinities would become NaN, whose bits differ between processors. */
static float* floats(size_t n) {
  float* x = make(n * sizeof *x);
  int32_t ordinary = between(0, 3), top = ordinary ? between(110, 132) : between(8, 160),
          sparse = between(0, 4) == 0;
  for (size_t i = 0; i < n; i++) {
    uint32_t bits = (uint32_t)between(top > 12 ? top - 12 : 0, top) << 23;
    bits |= rnd() << 9 >> 9;
    if (rnd() & 1) bits |= 0x80000000u;
    if (sparse && rnd() % 3) bits = 0;
    if (hostile) bits = rnd();
    if (hostile && i % 5 == 0) bits = 0x7F800000u | (bits & 0x80000001u);
    memcpy(x + i, &bits, 4);
  }
  return x;
}

static float* positive(size_t n) {
  float* x = make(n * sizeof *x);
  for (size_t i = 0; i < n; i++) {
    uint32_t bits = rnd() << 9 >> 9;
    bits |= (uint32_t)between(119, 128) << 23;

    if (hostile) bits = rnd();
    memcpy(x + i, &bits, 4);
  }
  return x;
}

static int32_t* mask(int32_t n) {
  int32_t *m = make((size_t)n * sizeof *m), keep = between(0, 4);
  for (int32_t i = 0; i < n; i++) m[i] = between(0, 4) <= keep;
  return m;
}

/* A byte of a matrix of random weights, or of ones. pl14 has codes w + 1 and w (two's complement) by turns.
 */
static uint8_t packed_byte(int32_t layout, int ones) {
  uint32_t byte = 0;
  if (layout == BM_LAYOUT_B3 || layout == BM_LAYOUT_C5) return (uint8_t)(ones ? 242 : rnd() % 243);
  for (int at = 0; at < 8; at += 2) {
    uint32_t code = ones ? 2 : rnd() % 3;
    if (layout == BM_LAYOUT_PL14 && at % 4) code = (code - 1) & 3;
    byte |= code << at;
  }
  return (uint8_t)byte;
}

static bm_ternary matrix(int32_t layout, int32_t rows, int32_t cols) {
  size_t n = bm_packed_bytes(layout, rows, cols);
  uint8_t* packed = make(n);
  int32_t kind = between(0, 9);
  for (size_t i = 0; i < n; i++) {
    packed[i] = kind == 0 ? 0 : packed_byte(layout, kind == 1);
    if (hostile) packed[i] = (uint8_t)rnd();
  }
  int32_t per_row = between(0, 1);
  bm_ternary w = {packed, positive(per_row ? (size_t)rows : 1), rows, cols, layout, per_row};
  return w;
}

/* ---- the ops ---- */

/* Scratch of up to three tokens, and for c5 room for some tables or none. */
static size_t some_scratch(int32_t layout, int32_t cols, int32_t tokens) {
  size_t bytes = BM_TOKEN_BYTES(cols) * (size_t)between(1, tokens);
  if (layout == BM_LAYOUT_C5 && between(0, 3)) bytes += BM_TABLE_BYTES(between(1, 2 * cols));
  return bytes;
}

static void run_fc(int32_t layout, int32_t rows, int32_t cols, int32_t n) {
  bm_ternary w = matrix(layout, rows, cols);
  int32_t activation = between(0, 1);
  size_t bytes = some_scratch(layout, cols, 3), count = (size_t)n * (size_t)rows;
  float *x = floats((size_t)n * (size_t)cols), *y = make(count * sizeof *y);
  check_status(bm_ternary_fc(&w, x, n, activation, y, make(bytes), bytes), "fc");
  hash(y, count * sizeof *y);
  free_all();
}

static void run_embedding(int32_t layout, int32_t rows, int32_t cols) {
  bm_ternary w = matrix(layout, rows, cols);
  int32_t ids[3] = {0, rows - 1, between(0, rows - 1)};
  float* y = make(3 * (size_t)cols * sizeof *y);
  check_status(bm_ternary_embedding(&w, ids, 3, y), "embedding");
  hash(y, 3 * (size_t)cols * sizeof *y);
  free_all();
}

static void run_topk(int32_t layout, int32_t rows, int32_t cols) {
  bm_ternary w = matrix(layout, rows, cols);
  int32_t k = between(1, rows < 9 ? rows : 9);
  size_t scratch = some_scratch(layout, cols, 1), n = (size_t)k;
  int32_t* ids = make(n * sizeof *ids);
  float* logits = make(n * sizeof *logits);
  check_status(bm_ternary_topk(&w, floats((size_t)cols), k, ids, logits, make(scratch), scratch), "topk");
  hash(ids, n * sizeof *ids);
  hash(logits, n * sizeof *logits);
  free_all();
}

static void run_class_topk(int32_t layout, int32_t rows, int32_t cols) {
  bm_ternary w = matrix(layout, rows, cols);
  bm_word_classes classes;
  classes.shortlist = between(1, rows - 1);
  classes.class_words = between(1, rows);
  int32_t k = between(1, classes.shortlist < 9 ? classes.shortlist : 9);
  float* of_classes = floats((size_t)((rows - classes.shortlist - 1) / classes.class_words + 1));
  size_t scratch = some_scratch(layout, cols, 1), n = (size_t)k;
  int32_t* ids = make(n * sizeof *ids);
  float *logits = make(n * sizeof *logits), *x = floats((size_t)cols);
  check_status(bm_ternary_class_topk(&w, x, &classes, of_classes, k, ids, logits, make(scratch), scratch),
               "class topk");
  hash(ids, n * sizeof *ids);
  hash(logits, n * sizeof *logits);
  free_all();
}

static void run_rms_norm(int32_t rows, int32_t n) {
  size_t count = (size_t)rows * (size_t)n;
  float *x = floats(count), *g = positive((size_t)n), *y = make(count * sizeof *y);
  check_status(bm_rms_norm(x, g, rows, n, y), "rms_norm");
  hash(y, count * sizeof *y);
  free_all();
}

static void run_attention(int32_t t, int32_t s, int32_t heads, int32_t dh) {
  int32_t width = heads * dh, q_offset = between(0, 3), k_offset = between(0, 3),
          v_offset = width + between(0, 3);
  bm_attention_shape shape = {t, s, width + 3, 2 * width + 3, heads, width, q_offset, k_offset, v_offset};
  float *q = floats((size_t)(t * shape.q_stride)), *kv = floats((size_t)(s * shape.kv_stride));
  size_t scratch = BM_ATTENTION_BYTES(s), count = (size_t)(t * width);
  float* y = make(count * sizeof *y);
  check_status(bm_attention(&shape, q, kv, mask(s), y, make(scratch), scratch), "attention");
  hash(y, count * sizeof *y);
  free_all();
}

static void run_cached_attention(int32_t window, int32_t sinks, int32_t heads, int32_t dh) {
  int32_t width = heads * dh;
  size_t n = (size_t)width * sizeof(float), cache = (size_t)window * n, scratch = BM_ATTENTION_BYTES(window);
  float *k = make(cache), *v = make(cache), *y = make(n);
  void* memory = make(scratch);
  memset(k, 0xFF, cache);
  memset(v, 0xFF, cache);
  for (int32_t p = 0; p < 2 * window; p++) {
    float* qkv = floats(3 * (size_t)width);
    check_status(bm_cached_attention(qkv, p, heads, width, window, sinks, k, v, y, memory, scratch),
                 "cached attention");
    hash(y, n);
    free(buffers[--used]);
  }
  hash(k, cache);
  hash(v, cache);
  free_all();
}

static void run_cached_attention_int8(int32_t window, int32_t sinks, int32_t heads, int32_t dh) {
  int32_t width = heads * dh;
  size_t n = (size_t)width * sizeof(float), cache = BM_INT8_CACHE_BYTES(window, width, heads);
  size_t scratch = BM_CACHED_ATTENTION_INT8_BYTES(window, width);
  uint8_t *k = make(cache), *v = make(cache);
  float* y = make(n);
  void* memory = make(scratch);
  memset(k, 0xFF, cache);
  memset(v, 0xFF, cache);
  for (int32_t p = 0; p < 2 * window; p++) {
    float* qkv = floats(3 * (size_t)width);
    check_status(bm_cached_attention_int8(qkv, p, heads, width, window, sinks, k, v, y, memory, scratch),
                 "cached attention, int8");
    hash(y, n);
    free(buffers[--used]);
  }
  hash(k, cache);
  hash(v, cache);
  free_all();
}

static void run_memory_read(int32_t k, int32_t d) {
  float *values = floats((size_t)(k * d)), *context = make((size_t)d * sizeof(float));
  float *temperature = positive(1), *scores = floats((size_t)k);
  check_status(bm_memory_read(scores, values, mask(k), *temperature, k, d, context), "memory read");
  hash(context, (size_t)d * sizeof *context);
  free_all();
}

static void run_index(int32_t count, int32_t n) {
  float *x = floats((size_t)n), *scales = positive((size_t)count), d,
        *scores = make((size_t)count * sizeof *scores);
  int8_t *q = make((size_t)n), *keys = make((size_t)(count * n));
  check_status(bm_quantise(x, n, q, &d), "quantise");
  hash(q, (size_t)n);
  hash(&d, sizeof d);
  for (int32_t i = 0; i < count * n; i++) keys[i] = (int8_t)between(-127, 127);
  check_status(bm_scores(q, d, keys, (size_t)n, scales, count, n, scores), "scores");
  hash(scores, (size_t)count * sizeof *scores);
  int32_t *with_a = make((size_t)count * sizeof *with_a), *with_b = make((size_t)count * sizeof *with_b);
  check_status(bm_dots(q, keys + (count - 1) * n, keys, count, n, with_a, with_b), "dots");
  hash(with_a, (size_t)count * sizeof *with_a);
  hash(with_b, (size_t)count * sizeof *with_b);
  memset(keys, 0x80, (size_t)(count * n)); /* -128: the largest products there are */
  check_status(bm_dots(q, keys, keys, count, n, with_a, with_b), "dots");
  hash(with_a, (size_t)count * sizeof *with_a);
  hash(with_b, (size_t)count * sizeof *with_b);
  free_all();
}

static void run_halves(size_t n) {
  float *x = floats(n), *back = make(n * sizeof *back);
  uint16_t* h = make(n * sizeof *h);
  bm_halves_from_floats(x, n, h);
  bm_halves_to_floats(h, n, back);
  hash(h, n * sizeof *h);
  hash(back, n * sizeof *back);
  free_all();
}

static void run_object_pool(int32_t side, int32_t channels) {
  int32_t cells = side * side * channels, plain = between(0, 3) == 0;
  size_t numbers = 4 * (size_t)channels;
  int8_t* map = make((size_t)cells);
  for (int32_t i = 0; i < cells; i++) map[i] = (int8_t)(plain ? 7 : between(-128, 127));
  float *scale = positive(numbers), *shift = floats(numbers), *out = make(numbers * sizeof *out);
  check_status(bm_object_pool(map, between(-128, 127), side, channels, scale, shift, out), "object pool");
  hash(out, numbers * sizeof *out);
  free_all();
}

/* a size in low..high; calls in one argument list would come in an unspecified order */
#define SIZE(name, low, high) int32_t name = between(low, high)

static void run_case(int32_t layout) {
  SIZE(rows, 1, 100);
  SIZE(cols, 1, 300);
  SIZE(n, 1, 3);
  run_fc(layout, rows, cols, n);
  run_embedding(layout, rows, cols);
  run_topk(layout, rows + 50, cols);
  run_class_topk(layout, rows + 50, cols);
  run_rms_norm(n, cols);
  SIZE(keys, 1, 20);
  SIZE(heads, 1, 4);
  SIZE(dh, 1, 33);
  run_attention(n, keys, heads, dh);
  run_memory_read(keys, dh);
  run_index(keys, cols);
  run_halves((size_t)cols);
  if (rows < 10) {
    run_cached_attention(4 + keys, between(0, 4), heads, dh);
    run_cached_attention_int8(4 + keys, between(0, 4), heads, dh);
  }
}

static void run_all(void) {
  for (int32_t i = 0; i < 120; i++) run_case(i % 4);
  for (int32_t layout = 0; layout < 4; layout++) {
    run_fc(layout, 512, 128, 2);
    run_fc(layout, 128, 512, 2);
    run_fc(layout, 7, 4096, 1);
  }
  run_attention(3, 9, 4, 32); /* what models have */
  run_attention(2, 4, 2, 64);
  run_cached_attention(9, 2, 4, 32);
  run_cached_attention(5, 0, 2, 16);
  run_cached_attention_int8(9, 2, 4, 32);
  run_cached_attention_int8(16, 0, 2, 48); /* for the Cortex-M7's own form, as the model's */
  run_cached_attention_int8(64, 4, 4, 32);
  for (int32_t i = 0; i < 20; i++) {
    SIZE(side, 2, BM_POOL_SIDE);
    SIZE(channels, 1, 50);
    run_object_pool(side, channels);
  }
}

int main(int argc, char** argv) {
  static const char* const isas[] = {"portable", "avx2",         "avxvnni", "avx512vnni",
                                     "neon",     "neon+dotprod", "dsp"};
  hostile = argc > 1 && !strcmp(argv[1], "hostile");
  if (argc > 1 && !strcmp(argv[1], "flush")) mode = FLUSH;
#if defined(__x86_64__)
  if (!mode) mode = 0x1F80;
#endif
  for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
    if (bm_isa_select(isas[i]) != BM_OK) continue;
    seed = argc > 2 ? (uint32_t)atoi(argv[2]) : 1;
    digest = 14695981039346656037u;
    uint32_t before = get_mode();
    set_mode(mode);
    run_all();
    set_mode(before);
    if (!hostile)
      printf("%s %08lx%08lx\n", isas[i], (unsigned long)(digest >> 32),
             (unsigned long)(digest & 0xFFFFFFFFu));
  }
  if (hostile) puts("done");
  return 0;
}
