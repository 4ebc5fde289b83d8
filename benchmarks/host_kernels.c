/* What benchmarks/host_kernels.py times in C: reading memory, and a matrix in llama.cpp's ternary formats,
 * row after row as its own matrix product does it. Built with llama.cpp's quants.c if GGML is defined. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default"))) /* the rest of llama.cpp's file is dropped */

/* The sum of n words: as fast as memory can be read. */
EXPORT uint64_t read_words(const uint64_t* words, size_t n) {
  uint64_t sum = 0;
  for (size_t i = 0; i < n; i++) sum += words[i];
  return sum;
}

#if defined(GGML)
#define GGML_COMMON_DECL_C
#include "ggml-common.h"
#include "quants.h"

float ggml_table_f32_f16[1 << 16]; /* of a file that is not built; processors with F16C do not read it */

/* Bytes of a row, whose columns are a multiple of 256. */
EXPORT size_t ggml_row_bytes(int kind, int cols) {
  return (size_t)(cols / QK_K) * (kind == 2 ? sizeof(block_tq2_0) : sizeof(block_tq1_0));
}

/* Sets the blocks' scales: random bytes there may be NaN. */
EXPORT void ggml_set_scales(int kind, void* rows, size_t blocks) {
  for (size_t i = 0; i < blocks; i++) {
    if (kind == 2) ((block_tq2_0*)rows)[i].d = 0x3800;
    if (kind == 1) ((block_tq1_0*)rows)[i].d = 0x3800;
  }
}

/* y[rows] of x[cols]; quantised holds its q8_K form. */
EXPORT void ggml_matrix(int kind, const void* w, int rows, int cols, const float* x, void* quantised,
                        float* y) {
  const size_t bytes = ggml_row_bytes(kind, cols);
  quantize_row_q8_K(x, quantised, cols);
  for (int r = 0; r < rows; r++) {
    const char* row = (const char*)w + (size_t)r * bytes;
    if (kind == 2) ggml_vec_dot_tq2_0_q8_K(cols, y + r, 0, row, 0, quantised, 0, 1);
    if (kind == 1) ggml_vec_dot_tq1_0_q8_K(cols, y + r, 0, row, 0, quantised, 0, 1);
  }
}

EXPORT size_t ggml_quantised_bytes(int cols) { return (size_t)(cols / QK_K) * sizeof(block_q8_K); }
#endif
