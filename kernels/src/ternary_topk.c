/* BITMAR_TERNARY_TOPK and BITMAR_TERNARY_CLASS_TOPK: the head fused with its top-k. Tiles of logits live on
 * the stack only. */
#include "internal.h"

typedef struct best_list {
  int32_t k;
  int32_t count;
  int32_t* ids;
  float* logits;
} best_list;

/* Ids come in increasing order, so an equal logit goes behind those already there. Returns 0 if it is not
 * among the best. */
static int insert(best_list* best, int32_t id, float logit) {
  int32_t at = best->count;
  if (at == best->k) {
    if (!(logit > best->logits[at - 1])) return 0;
    at--;
  } else {
    best->count++;
  }
  for (; at > 0 && logit > best->logits[at - 1]; at--) {
    best->ids[at] = best->ids[at - 1];
    best->logits[at] = best->logits[at - 1];
  }
  best->ids[at] = id;
  best->logits[at] = logit;
  return 1;
}

/* Is one of the sums above the limit? All are within 2^23: the sign of a difference tells. */
static int any_above(const int32_t* acc, int32_t n, int32_t limit) {
  uint32_t signs = 0;
#pragma GCC unroll 8
  for (int32_t i = 0; i < n; i++) signs |= (uint32_t)limit - (uint32_t)acc[i];
  return (signs >> 31) != 0;
}

/* The rows begin .. end - 1. */
BM_FLOAT_CODE void topk(const bm_ternary* w, const bm_token* token, int32_t begin, int32_t end,
                        int32_t first_id, best_list* best) {
  int32_t acc[BM_TILE_ROWS];
  float scale = token->d * w->gamma[0];
  /* With one positive scale for all rows, logits grow with the sums, and the worst of the best only grows:
   * what is not above a sum that was turned away will be turned away too. Almost all tiles end here. */
  int ordered = !w->gamma_per_row && scale > 0.0f;
  int32_t turned_away = -(1 << 24);
  /* rows that a layout packs together are multiplied together */
  for (int32_t row = begin - begin % bm_unit_rows(w->layout); row < end; row += BM_TILE_ROWS) {
    int32_t n = end - row < BM_TILE_ROWS ? end - row : BM_TILE_ROWS;
    bm_ternary_dot(w, row, row + n, token, acc);
    if (!any_above(acc, n, turned_away)) continue;
    for (int32_t i = row < begin ? begin - row : 0; i < n; i++) {
      if (acc[i] <= turned_away) continue;
      if (w->gamma_per_row) scale = token->d * w->gamma[row + i];
      if (!insert(best, first_id + row + i, (float)acc[i] * scale) && ordered) turned_away = acc[i];
    }
  }
}

bm_status bm_ternary_topk_token(const bm_ternary* w, const bm_token* token, int32_t first_id, int32_t k,
                                int32_t* ids, float* logits, int32_t* count) {
  if (!token || !ids || !logits || !count) return BM_ERR_NULL;
  bm_status status = bm_ternary_check(w);
  if (status) return status;
  if (token->cols != w->cols || token->layout != w->layout || k <= 0) return BM_ERR_SHAPE;
  if (*count < 0 || *count > k || first_id < 0 || first_id > INT32_MAX - w->rows) return BM_ERR_INDEX;
  best_list best = {.k = k, .count = *count, .ids = ids, .logits = logits};
  bm_fp_state saved = bm_fp_enter();
  topk(w, token, 0, w->rows, first_id, &best);
  bm_fp_leave(saved);
  *count = best.count;
  return BM_OK;
}

bm_status bm_ternary_topk(const bm_ternary* w, const float* x, int32_t k, int32_t* ids, float* logits,
                          void* scratch, size_t scratch_bytes) {
  bm_status status = bm_ternary_check(w);
  if (status) return status;
  if (k > w->rows) return BM_ERR_SHAPE;
  const bm_token* token;
  status = bm_token_prepare(w->layout, w->cols, x, scratch, scratch_bytes, &token);
  if (status) return status;
  int32_t count = 0;
  return bm_ternary_topk_token(w, token, 0, k, ids, logits, &count);
}

/* The class with the largest logit, the first of equal ones; -1 if none is above `best_word`. */
BM_FLOAT_CODE int32_t choose_class(const float* class_logits, int32_t count, float best_word) {
  int32_t chosen = -1;
  float largest = best_word;
  for (int32_t i = 0; i < count; i++) {
    if (!(class_logits[i] > largest)) continue;
    largest = class_logits[i];
    chosen = i;
  }
  return chosen;
}

static void class_topk(const bm_ternary* w, const bm_token* token, const bm_word_classes* classes,
                       const float* class_logits, int32_t k, int32_t* ids, float* logits) {
  int32_t shortlist = classes->shortlist, words = classes->class_words, rows = w->rows;
  best_list best = {.k = k, .ids = ids, .logits = logits};
  topk(w, token, 0, shortlist, 0, &best);
  int32_t chosen = choose_class(class_logits, (rows - shortlist - 1) / words + 1, logits[0]);
  if (chosen < 0) return;
  int32_t begin = shortlist + chosen * words, end = rows - begin < words ? rows : begin + words;
  best.k = end - begin < k ? end - begin : k;
  best.count = 0;
  memmove(ids + best.k, ids, (size_t)(k - best.k) * sizeof *ids);
  memmove(logits + best.k, logits, (size_t)(k - best.k) * sizeof *logits);
  topk(w, token, begin, end, 0, &best);
}

bm_status bm_ternary_class_topk(const bm_ternary* w, const float* x, const bm_word_classes* classes,
                                const float* class_logits, int32_t k, int32_t* ids, float* logits,
                                void* scratch, size_t scratch_bytes) {
  if (!classes || !class_logits || !ids || !logits) return BM_ERR_NULL;
  bm_status status = bm_ternary_check(w);
  if (status) return status;
  if (classes->class_words <= 0 || classes->shortlist >= w->rows || k <= 0 || k > classes->shortlist)
    return BM_ERR_SHAPE;
  const bm_token* token;
  status = bm_token_prepare(w->layout, w->cols, x, scratch, scratch_bytes, &token);
  if (status) return status;
  bm_fp_state saved = bm_fp_enter();
  class_topk(w, token, classes, class_logits, k, ids, logits);
  bm_fp_leave(saved);
  return BM_OK;
}
