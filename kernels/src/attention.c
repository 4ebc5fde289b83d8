/* BITMAR_ATTENTION (Vaswani et al. 2017, 3.2), masked, whole sequence. */
#include "internal.h"

BM_FLOAT_CODE void attention(const bm_attention_shape* shape, const float* q, const float* kv,
                             const int32_t* mask, float* y, float* s) {
  int32_t dh = shape->width / shape->heads;
  bm_attend_args a = {.stride = (size_t)shape->kv_stride,
                      .mask = mask,
                      .count = shape->keys,
                      .dh = dh,
                      .scale = 1.0f / __builtin_sqrtf((float)dh)};
  for (int32_t t = 0; t < shape->queries; t++) {
    const float* query = q + (size_t)t * (size_t)shape->q_stride + shape->q_offset;
    float* row = y + (size_t)t * (size_t)shape->width;
    for (int32_t at = 0; at < shape->width; at += dh) {
      a.keys = kv + shape->k_offset + at;
      a.values = kv + shape->v_offset + at;
      bm_attend(&a, query + at, s, row + at);
    }
  }
}

/* [offset, offset + width) inside a row of `stride` numbers */
static int inside(int32_t offset, int32_t width, int32_t stride) {
  return offset >= 0 && offset <= stride - width;
}

bm_status bm_attention(const bm_attention_shape* shape, const float* q, const float* kv, const int32_t* mask,
                       float* y, void* scratch, size_t scratch_bytes) {
  if (!shape || !q || !kv || !mask || !y || !scratch) return BM_ERR_NULL;
  if (shape->queries <= 0 || shape->keys <= 0 || shape->heads <= 0 || shape->width <= 0) return BM_ERR_SHAPE;
  if (shape->q_stride <= 0 || shape->kv_stride <= 0 || shape->width % shape->heads) return BM_ERR_SHAPE;
  if (!inside(shape->q_offset, shape->width, shape->q_stride)) return BM_ERR_SHAPE;
  if (!inside(shape->k_offset, shape->width, shape->kv_stride)) return BM_ERR_SHAPE;
  if (!inside(shape->v_offset, shape->width, shape->kv_stride)) return BM_ERR_SHAPE;
  if (scratch_bytes < BM_ATTENTION_BYTES(shape->keys)) return BM_ERR_SCRATCH;
  bm_fp_state saved = bm_fp_enter();
  attention(shape, q, kv, mask, y, bm_align(scratch, sizeof(float)));
  bm_fp_leave(saved);
  return BM_OK;
}
