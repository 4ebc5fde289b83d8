/* BITMAR_RMS_NORM, BITMAR_ATTENTION, BITMAR_CACHED_ATTENTION and BITMAR_MEMORY_READ (docs/custom-ops.md). */
#include <string.h>

#include "bitmar_kernels.h"
#include "ops.h"
#include "tensors.h"

/* BITMAR_RMS_NORM(x [..., n], g [n]) */
TflStatus prepare_rms_norm(TflContext* c, OpNode* node) {
  if (check_tensors(c, node, "fff")) return kTflError;
  const TflTensor* x = input(c, node, 0);
  if (check_count(c, node, 1, last_dim(x), "the gain")) return kTflError;
  return resize_output(c, node, 0, x->dims->size, x->dims->data);
}

TflStatus invoke_rms_norm(TflContext* c, OpNode* node) {
  const TflTensor* x = input(c, node, 0);
  return kernel_status(c, node,
                       bm_rms_norm(x->data.f32, input(c, node, 1)->data.f32, row_count(x), last_dim(x),
                                   output(c, node, 0)->data.f32));
}

/* BITMAR_ATTENTION(q [T, wq], kv [S, wkv], mask [S]) */
static bm_attention_shape attention_shape(TflContext* c, const OpNode* node) {
  const TflTensor *q = input(c, node, 0), *kv = input(c, node, 1);
  const Attrs* a = &node->attrs;
  const bm_attention_shape shape = {
      .queries = row_count(q),
      .keys = row_count(kv),
      .q_stride = last_dim(q),
      .kv_stride = last_dim(kv),
      .heads = a->heads,
      .width = a->width,
      .q_offset = a->q_offset,
      .k_offset = a->k_offset,
      .v_offset = a->v_offset,
  };
  return shape;
}

static TflStatus check_heads(TflContext* c, const OpNode* node) {
  const Attrs* a = &node->attrs;
  if (a->heads >= 1 && a->width >= 1 && a->width % a->heads == 0) return kTflOk;
  return fail(c, node, "width %d with %d heads, expected a multiple", a->width, a->heads);
}

static TflStatus check_slice(TflContext* c, const OpNode* node, int i, int offset, const char* name) {
  const int found = last_dim(input(c, node, i));
  if ((long long)offset + node->attrs.width <= found) return kTflOk;
  return fail(c, node, "%s at %d and width %d, but input %d has %d columns", name, offset, node->attrs.width,
              i, found);
}

TflStatus prepare_attention(TflContext* c, OpNode* node) {
  if (check_tensors(c, node, "ffif") || check_heads(c, node)) return kTflError;
  const Attrs* a = &node->attrs;
  if (check_slice(c, node, 0, a->q_offset, "q_offset") || check_slice(c, node, 1, a->k_offset, "k_offset") ||
      check_slice(c, node, 1, a->v_offset, "v_offset")) {
    return kTflError;
  }
  const int keys = row_count(input(c, node, 1));
  if (check_count(c, node, 2, keys, "the mask")) return kTflError;
  if (reserve_scratch(c, node, BM_ATTENTION_BYTES(keys))) return kTflError;
  const int dims[2] = {row_count(input(c, node, 0)), a->width};
  return resize_output(c, node, 0, 2, dims);
}

TflStatus invoke_attention(TflContext* c, OpNode* node) {
  const bm_attention_shape shape = attention_shape(c, node);
  return kernel_status(c, node,
                       bm_attention(&shape, input(c, node, 0)->data.f32, input(c, node, 1)->data.f32,
                                    input(c, node, 2)->data.i32, output(c, node, 0)->data.f32, node->scratch,
                                    node->scratch_bytes));
}

/* BITMAR_CACHED_ATTENTION(qkv [1, 3 * width], position [1], k_cache [W, width], v_cache [W, width]); the
 * caches are variable tensors: they keep their content between invokes, reset_all_variables() zeroes them. */
TflStatus prepare_cached_attention(TflContext* c, OpNode* node) {
  if (check_tensors(c, node, "fifff") || check_heads(c, node)) return kTflError;
  const Attrs* a = &node->attrs;
  if (a->sinks >= a->window)
    return fail(c, node, "%d sinks, expected fewer than the window, %d", a->sinks, a->window);
  if (check_count(c, node, 0, 3LL * a->width, "input 0") || check_count(c, node, 1, 1, "the position")) {
    return kTflError;
  }
  for (int cache = 2; cache <= 3; ++cache) {
    if (!input(c, node, cache)->is_variable) return fail(c, node, "input %d is not a variable tensor", cache);
    if (check_count(c, node, cache, (long long)a->window * a->width, "the cache")) return kTflError;
  }
  if (reserve_scratch(c, node, BM_ATTENTION_BYTES(a->window))) return kTflError;
  const int dims[2] = {1, a->width};
  return resize_output(c, node, 0, 2, dims);
}

TflStatus invoke_cached_attention(TflContext* c, OpNode* node) {
  const Attrs* a = &node->attrs;
  return kernel_status(
      c, node,
      bm_cached_attention(input(c, node, 0)->data.f32, input(c, node, 1)->data.i32[0], a->heads, a->width,
                          a->window, a->sinks, input(c, node, 2)->data.f32, input(c, node, 3)->data.f32,
                          output(c, node, 0)->data.f32, node->scratch, node->scratch_bytes));
}

/* BITMAR_MEMORY_READ(scores [k], values [k, D], mask [k], temperature [1]) */
TflStatus prepare_memory_read(TflContext* c, OpNode* node) {
  if (check_tensors(c, node, "ffiff")) return kTflError;
  const TflTensor* values = input(c, node, 1);
  const int slots = row_count(values);
  if (check_count(c, node, 0, slots, "the scores") || check_count(c, node, 2, slots, "the mask") ||
      check_count(c, node, 3, 1, "the temperature")) {
    return kTflError;
  }
  const int dims[2] = {1, last_dim(values)};
  return resize_output(c, node, 0, 2, dims);
}

TflStatus invoke_memory_read(TflContext* c, OpNode* node) {
  const TflTensor* values = input(c, node, 1);
  return kernel_status(c, node,
                       bm_memory_read(input(c, node, 0)->data.f32, values->data.f32,
                                      input(c, node, 2)->data.i32, input(c, node, 3)->data.f32[0],
                                      row_count(values), last_dim(values), output(c, node, 0)->data.f32));
}
