/* BITMAR_CACHED_ATTENTION(qkv [1, 3 * width], position [1], k_cache [window, width], v_cache [window, width])
 * -> [1, width], and BITMAR_CACHED_ATTENTION_INT8 with caches of bytes, [window, width + 4 * heads]; the
 * caches are variable tensors. */
#include "heads.h"
#include "reason.h"
#include "rules.h"
#include "tensors.h"

/* `row`: what a row of a cache holds. Both ops have the same attributes. */
static bool check(const bm_cached_attention_options* o, long long row, const bm_op_tensor* in,
                  bm_op_plan* plan, bm_op_reason* why) {
  if (o->sinks >= o->window) {
    return op_refuse(why, "%d sinks, expected fewer than the window, %d", o->sinks, o->window);
  }
  if (!op_check_count(in, 0, 3LL * o->width, "qkv", why)) return false;
  if (!op_check_count(in, 1, 1, "position", why)) return false;
  for (int cache = 2; cache <= 3; ++cache) {
    if (!in[cache].variable) return op_refuse(why, "input %d is not a variable tensor", cache);
    if (!op_check_count(in, cache, o->window * row, "cache", why)) return false;
  }
  plan->outputs[0] = (bm_op_shape){2, {1, o->width}};
  return true;
}

bool op_check_cached_attention(const bm_op* op, const bm_op_tensor* in, bm_op_plan* plan, bm_op_reason* why) {
  const bm_cached_attention_options* o = &op->options.cached_attention;
  if (!op_check_heads(o->heads, o->width, why) || !check(o, o->width, in, plan, why)) return false;
  plan->scratch_bytes = BM_ATTENTION_BYTES(o->window);
  return true;
}

bm_status op_run_cached_attention(const bm_op* op, const bm_op_tensor* in, const bm_op_tensor* out,
                                  op_scratch scratch) {
  const bm_cached_attention_options* o = &op->options.cached_attention;
  const int32_t position = *(const int32_t*)in[1].data;
  return bm_cached_attention(in[0].data, position, o->heads, o->width, o->window, o->sinks, in[2].data,
                             in[3].data, out[0].data, scratch.memory, scratch.bytes);
}

/* The same attributes in the same order. */
static bm_cached_attention_options options(const bm_op* op) {
  const bm_cached_attention_int8_options* o = &op->options.cached_attention_int8;
  return (bm_cached_attention_options){o->version, o->heads, o->width, o->window, o->sinks};
}

bool op_check_cached_attention_int8(const bm_op* op, const bm_op_tensor* in, bm_op_plan* plan,
                                    bm_op_reason* why) {
  const bm_cached_attention_options o = options(op);
  if (!op_check_heads(o.heads, o.width, why)) return false;
  if (o.width > BM_MAX_COLS) return op_refuse(why, "width %d, expected at most %d", o.width, BM_MAX_COLS);
  if (!check(&o, o.width + 4LL * o.heads, in, plan, why)) return false;
  plan->scratch_bytes = BM_CACHED_ATTENTION_INT8_BYTES(o.window, o.width);
  return true;
}

bm_status op_run_cached_attention_int8(const bm_op* op, const bm_op_tensor* in, const bm_op_tensor* out,
                                       op_scratch scratch) {
  const bm_cached_attention_options o = options(op);
  const int32_t position = *(const int32_t*)in[1].data;
  return bm_cached_attention_int8(in[0].data, position, o.heads, o.width, o.window, o.sinks, in[2].data,
                                  in[3].data, out[0].data, scratch.memory, scratch.bytes);
}
