/* Text -> ids: words by the pre-tokenizer, then merges by rank, in place in the caller's buffer. */
#include "bpe_internal.h"

/* While a word is merged, each entry of the buffer is a symbol: its id in the low half and, in the high half,
 * the rank of its merge with the symbol to its right. Unsigned and signed versions of a type may alias
 * (C11 6.5/7). */
static uint32_t symbol(uint32_t id, uint32_t rank) { return rank << 16 | id; }
static uint32_t id_of(uint32_t entry) { return entry & 0xFFFF; }
static uint32_t rank_of(uint32_t entry) { return entry >> 16; }

static uint32_t lowest_rank(const uint32_t* word, size_t count) {
  uint32_t best = BPE_NO_RANK;
  for (size_t i = 0; i < count; i++)
    if (rank_of(word[i]) < best) best = rank_of(word[i]);
  return best;
}

/* One pass from left to right over `count` symbols merges the pairs of rank `best`; returns the new count.
 * The order is that of "lowest rank first, leftmost first": the pass stops merging as soon as a new symbol
 * has a pair of a still lower rank with a neighbour (possible where two merges make one token). */
static size_t merge_pass(const bpe_table* t, uint32_t* word, size_t count, uint32_t best) {
  const uint32_t merged = bpe_read16(t->merged + 2 * best);
  size_t from = 0, to = 0;
  int merging = 1;
  while (from < count) {
    if (!merging || rank_of(word[from]) != best) {
      word[to++] = word[from++];
      continue;
    }
    from += 2; /* the last symbol of a word has no rank, so a symbol follows */
    if (to > 0) {
      const uint32_t rank = bpe_rank(t, id_of(word[to - 1]), merged);
      word[to - 1] = symbol(id_of(word[to - 1]), rank);
      if (rank < best) merging = 0;
    }
    const uint32_t rank = from < count ? bpe_rank(t, merged, id_of(word[from])) : BPE_NO_RANK;
    if (rank < best) merging = 0;
    word[to++] = symbol(merged, rank);
  }
  return to;
}

/* Turns `count` byte ids into the ids of their word; returns how many. */
static size_t merge_word(const bpe_table* t, uint32_t* word, size_t count) {
  for (size_t i = 0; i < count; i++)
    word[i] = symbol(word[i], i + 1 < count ? bpe_rank(t, word[i], word[i + 1]) : BPE_NO_RANK);
  uint32_t best;
  while ((best = lowest_rank(word, count)) != BPE_NO_RANK) count = merge_pass(t, word, count, best);
  for (size_t i = 0; i < count; i++) word[i] = id_of(word[i]);
  return count;
}

int32_t bpe_encode(const bpe_table* table, const void* text, size_t length, int32_t* ids, size_t capacity) {
  const uint8_t* bytes = text;
  size_t at = 0, used = 0;
  int virtual_space = (table->flags & BPE_FLAG_PREFIX_SPACE) && length > 0 && bytes[0] != ' ';
  while (at < length) {
    const size_t end = bpe_word_end(bytes, length, at, virtual_space);
    const size_t symbols = end - at + (virtual_space ? 1 : 0);
    if (symbols > capacity - used || used + symbols > INT32_MAX) return BPE_ERROR_CAPACITY;
    uint32_t* word = (uint32_t*)ids + used;
    size_t count = 0;
    if (virtual_space) word[count++] = bpe_read16(table->byte_ids + 2 * ' ');
    while (at < end) word[count++] = bpe_read16(table->byte_ids + 2 * bytes[at++]);
    used += merge_word(table, word, count);
    virtual_space = 0;
  }
  return (int32_t)used;
}

size_t bpe_encode_capacity(const bpe_table* table, size_t length) {
  return length + (table->flags & BPE_FLAG_PREFIX_SPACE ? 1 : 0);
}
