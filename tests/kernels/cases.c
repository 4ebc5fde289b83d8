/* cases IN OUT: runs BITMAR_TERNARY_* calls on inputs from a file, once in each instruction-set variant of
 * this build and processor, and writes what comes out. For comparing the cross-compiled variants with the
 * specification: tests/kernels/test_cross.py writes IN and reads OUT.
 *
 * IN: cases of int32 {op, layout, rows, cols, n, option, gammas, scratch bytes, shortlist, words of a class},
 * then gamma, packed bytes (padded to four), x. op 0 is ternary_fc (option = activation), 1 ternary_topk
 * (option = k), 2 ternary_class_topk (option = k; the logits of the classes come after x). OUT: for each
 * variant its name in 16 bytes, then for each case y, or ids and logits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bitmar_kernels.h"

static char* input;
static FILE* out;

static void stop(const char* why) {
  printf("%s\n", why);
  exit(1);
}

static void* make(size_t n) {
  void* p = malloc(n ? n : 1);
  if (!p) stop("out of memory");
  return p;
}

static void* copy_of(char** at, size_t n) { /* at its exact size, for sanitizers */
  void* p = memcpy(make(n), *at, n);
  *at += (n + 3) / 4 * 4;
  return p;
}

static void run_case(char** at) {
  int32_t head[10];
  memcpy(head, *at, sizeof head);
  *at += sizeof head;
  int32_t op = head[0], rows = head[2], cols = head[3], n = head[4], option = head[5], gammas = head[6];
  size_t scratch_bytes = (size_t)head[7], results = op ? (size_t)option : (size_t)n * (size_t)rows;
  float* gamma = copy_of(at, (size_t)gammas * sizeof(float));
  uint8_t* packed = copy_of(at, bm_packed_bytes(head[1], rows, cols));
  float* x = copy_of(at, (size_t)n * (size_t)cols * sizeof(float));
  int32_t* ids = make(results * sizeof *ids);
  float* y = make(results * sizeof *y);
  void* scratch = make(scratch_bytes);
  bm_ternary w = {packed, gamma, rows, cols, head[1], gammas > 1};
  bm_word_classes classes = {head[8], head[9]};
  size_t count = op == 2 ? (size_t)((rows - classes.shortlist - 1) / classes.class_words + 1) : 0;
  float* of_classes = copy_of(at, count * sizeof(float));
  bm_status status;
  if (op == 0)
    status = bm_ternary_fc(&w, x, n, option, y, scratch, scratch_bytes);
  else if (op == 1)
    status = bm_ternary_topk(&w, x, option, ids, y, scratch, scratch_bytes);
  else
    status = bm_ternary_class_topk(&w, x, &classes, of_classes, option, ids, y, scratch, scratch_bytes);
  if (status != BM_OK) stop(bm_status_text(status));
  if (op) fwrite(ids, sizeof *ids, results, out);
  fwrite(y, sizeof *y, results, out);
  void* all[] = {gamma, packed, x, ids, y, scratch, of_classes};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

int main(int argc, char** argv) {
  static const char* const isas[] = {"portable", "avx2",         "avx512vnni", "avxvnni",
                                     "neon",     "neon+dotprod", "dsp"};
  if (argc != 3) stop("cases IN OUT");
  FILE* in = fopen(argv[1], "rb");
  out = fopen(argv[2], "wb");
  if (!in || !out) stop("cannot open a file");
  fseek(in, 0, SEEK_END);
  long size = ftell(in);
  rewind(in);
  input = make((size_t)size);
  if (fread(input, 1, (size_t)size, in) != (size_t)size) stop("cannot read the cases");
  for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
    if (bm_isa_select(isas[i]) != BM_OK) continue;
    char name[16] = {0};
    memcpy(name, isas[i], strlen(isas[i]));
    fwrite(name, 1, sizeof name, out);
    for (char* at = input; at < input + size;) run_case(&at);
  }
  fclose(out);
  puts("done");
  return 0;
}
