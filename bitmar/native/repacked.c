#include "repacked.h"

#include <pthread.h>
#include <stdlib.h>

struct Repacked {
  Repacked* next;
  const uint8_t* source;
  int32_t rows, cols;
  int users;
  uint8_t bytes[];
};

/* Graphs may be loaded by several threads with one delegate. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static Repacked* find(Repacked* list, const bm_ternary* w) {
  for (; list; list = list->next) {
    if (list->source == w->packed && list->rows == w->rows && list->cols == w->cols) return list;
  }
  return NULL;
}

static Repacked* make(const bm_ternary* w) {
  Repacked* copy = malloc(sizeof *copy + bm_packed_bytes(BM_LAYOUT_RM2, w->rows, w->cols));
  if (!copy) return NULL;
  if (bm_repack_b3_as_rm2(w, copy->bytes) != BM_OK) {
    free(copy);
    return NULL;
  }
  copy->source = w->packed;
  copy->rows = w->rows;
  copy->cols = w->cols;
  copy->users = 0;
  return copy;
}

Repacked* repacked_take(Repacked** list, const bm_ternary* w) {
  if (w->layout != BM_LAYOUT_B3 || bm_fastest_layout() != BM_LAYOUT_RM2) return NULL;
  pthread_mutex_lock(&lock);
  Repacked* copy = find(*list, w);
  if (!copy && (copy = make(w)) != NULL) {
    copy->next = *list;
    *list = copy;
  }
  if (copy) copy->users++;
  pthread_mutex_unlock(&lock);
  return copy;
}

void repacked_release(Repacked** list, Repacked* copy) {
  if (!copy) return;
  pthread_mutex_lock(&lock);
  if (--copy->users == 0) {
    while (*list != copy) list = &(*list)->next;
    *list = copy->next;
    free(copy);
  }
  pthread_mutex_unlock(&lock);
}

uint8_t* repacked_bytes(Repacked* copy) { return copy->bytes; }
