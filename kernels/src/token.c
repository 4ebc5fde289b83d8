/* A prepared token in the caller's memory: struct, data, what is left; the data aligned to 16 bytes. */
#include "internal.h"

static size_t align_up(size_t n) { return (n + 15) & ~(size_t)15; }

bm_token* bm_token_write(int32_t layout, int32_t cols, const float* x, void* memory, size_t memory_bytes) {
  bm_token* token = bm_token_at(memory);
  token->layout = layout;
  token->cols = cols;
  token->isa = bm_backend_current();
  token->data = (unsigned char*)token + align_up(sizeof *token);
  unsigned char *spare = (unsigned char*)token->data + 4 * (size_t)bm_padded(cols),
                *end = (unsigned char*)memory + memory_bytes;
  token->spare_bytes = end > spare ? (size_t)(end - spare) : 0;
  token->spare = token->spare_bytes ? spare : NULL;
  float m = token->isa->absmax(x, cols);
  token->d = m / 127.0f;
  token->isa->prepare(token, x, 127.0f / m);
  return token;
}

/* slack of BM_TOKEN_BYTES: alignment of the memory and of the data, and the struct */
_Static_assert(15 + 15 + sizeof(bm_token) <= 160, "BM_TOKEN_BYTES is too small");

BM_FLOAT_CODE const bm_token* write_token(int32_t layout, int32_t cols, const float* x, void* memory,
                                          size_t memory_bytes) {
  return bm_token_write(layout, cols, x, memory, memory_bytes);
}

bm_status bm_token_prepare(int32_t layout, int32_t cols, const float* x, void* memory, size_t memory_bytes,
                           const bm_token** token) {
  if (!x || !memory || !token) return BM_ERR_NULL;
  if (layout < 0 || layout >= BM_LAYOUTS || !BM_USES(layout)) return BM_ERR_LAYOUT;
  if (cols <= 0 || cols > BM_MAX_COLS) return BM_ERR_SHAPE;
  if (memory_bytes < BM_TOKEN_BYTES(cols)) return BM_ERR_SCRATCH;
  bm_fp_state saved = bm_fp_enter();
  *token = write_token(layout, cols, x, memory, memory_bytes);
  bm_fp_leave(saved);
  return BM_OK;
}
