/* Id -> bytes: byte k of a token is found by descending the tree of merges that made it, without a stack. */
#include "bpe_internal.h"

static uint8_t byte_at(const bpe_table* t, uint32_t id, uint32_t k) {
  for (;;) {
    const uint32_t origin = bpe_read16(t->origin + 2 * id);
    if (origin >= t->merges) return (uint8_t)origin;
    const uint8_t* pair = t->pairs + 4 * origin;
    const uint32_t left = bpe_read16(pair), left_length = t->lengths[left];
    if (k < left_length) {
      id = left;
    } else {
      id = bpe_read16(pair + 2);
      k -= left_length;
    }
  }
}

int32_t bpe_decode(const bpe_table* table, int32_t id, void* bytes, size_t capacity) {
  if (id < 0 || (uint32_t)id >= table->vocab_size) return BPE_ERROR_ID;
  const uint32_t length = table->lengths[id];
  if (length > capacity) return BPE_ERROR_CAPACITY;
  uint8_t* out = bytes;
  for (uint32_t k = 0; k < length; k++) out[k] = byte_at(table, (uint32_t)id, k);
  return (int32_t)length;
}
