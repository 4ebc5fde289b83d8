/* A prepared token in the caller's memory: struct, block sums, data, the data aligned to 16 bytes. */
#include "internal.h"

static size_t align_up(size_t n) { return (n + 15) & ~(size_t)15; }

void bm_token_sums(bm_token* token, const int8_t* q) {
  int32_t blocks = bm_padded(token->cols) / BM_BLOCK, total = 0;
  for (int32_t b = 0; b < blocks; b++, q += BM_BLOCK) {
    int32_t sum = 0;
    for (int32_t i = 0; i < BM_BLOCK; i++) sum += q[i];
    token->block_sums[b] = sum;
    total += sum;
  }
  token->sum = total;
}

bm_token* bm_token_write(int32_t layout, int32_t cols, const float* x, void* memory) {
  bm_token* token = bm_token_at(memory);
  size_t blocks = (size_t)bm_padded(cols) / BM_BLOCK;
  token->layout = layout;
  token->cols = cols;
  token->isa = bm_backend_current();
  token->data = (unsigned char*)token + align_up(sizeof *token);
  token->block_sums = (int32_t*)((unsigned char*)token->data + blocks * BM_BLOCK * 4);
  float m = bm_absmax(x, cols);
  token->d = m / 127.0f;
  token->isa->prepare(token, x, 127.0f / m);
  return token;
}

/* slack of BM_TOKEN_BYTES: alignment of the memory and of the data, and the struct */
_Static_assert(15 + 15 + sizeof(bm_token) <= 160, "BM_TOKEN_BYTES is too small");

BM_FLOAT_CODE const bm_token* write_token(int32_t layout, int32_t cols, const float* x, void* memory) {
  return bm_token_write(layout, cols, x, memory);
}

bm_status bm_token_prepare(int32_t layout, int32_t cols, const float* x, void* memory, size_t memory_bytes,
                           const bm_token** token) {
  if (!x || !memory || !token) return BM_ERR_NULL;
  if (layout != BM_LAYOUT_RM2 && layout != BM_LAYOUT_B3) return BM_ERR_LAYOUT;
  if (cols <= 0 || cols > BM_MAX_COLS) return BM_ERR_SHAPE;
  if (memory_bytes < BM_TOKEN_BYTES(cols)) return BM_ERR_SCRATCH;
  bm_fp_state saved = bm_fp_enter();
  *token = write_token(layout, cols, x, memory);
  bm_fp_leave(saved);
  return BM_OK;
}
