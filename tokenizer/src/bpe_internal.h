/* Shared by the tokenizer's C files: little-endian reads, the merge lookup, character classes,
 * pre-tokenization. */
#ifndef BITMAR_BPE_INTERNAL_H
#define BITMAR_BPE_INTERNAL_H

#include "bpe.h"

enum { BPE_FLAG_PREFIX_SPACE = 1, BPE_FLAGS_KNOWN = 1 };
enum { BPE_ORIGIN_SPECIAL = 0xFEFF, BPE_ORIGIN_BYTE = 0xFF00, BPE_MAX_MERGES = 0xFEFF };
enum { BPE_NO_RANK = 0xFFFF };

/* Byte-wise: the table may lie at any address; compilers make one load of it where the machine allows. */
static inline uint32_t bpe_read16(const uint8_t* p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }
static inline uint32_t bpe_read32(const uint8_t* p) { return bpe_read16(p) | bpe_read16(p + 2) << 16; }

static inline uint32_t bpe_mix(uint32_t h) {
  h ^= h >> 16;
  h *= 0x85EBCA6Bu;
  h ^= h >> 13;
  h *= 0xC2B2AE35u;
  return h ^ h >> 16;
}

static inline uint32_t bpe_reduce(uint32_t hash, uint32_t n) {
  return (uint32_t)(((uint64_t)hash * n) >> 32);
}

/* Rank of the merge of `left` and `right`, BPE_NO_RANK if there is none. */
static inline uint32_t bpe_rank(const bpe_table* t, uint32_t left, uint32_t right) {
  const uint32_t key = left << 16 | right;
  const uint32_t displacement = bpe_read16(t->displacements + 2 * bpe_reduce(bpe_mix(key), t->buckets));
  const uint32_t hash = bpe_mix(key ^ (displacement + 1) * 0x9E3779B9u);
  const uint32_t rank = bpe_read16(t->slots + 2 * bpe_reduce(hash, t->slot_count));
  if (rank == BPE_NO_RANK) return BPE_NO_RANK;
  const uint8_t* pair = t->pairs + 4 * rank;
  return bpe_read16(pair) == left && bpe_read16(pair + 2) == right ? rank : BPE_NO_RANK;
}

typedef enum { BPE_OTHER, BPE_LETTER, BPE_NUMBER, BPE_SPACE } bpe_class;

/* Class of a code point, 0..0x10FFFF. */
bpe_class bpe_class_of(uint32_t code_point);

/* Class of the character at text[at] (at < length) and, in *next, where the following one starts. A byte that
 * does not begin a well-formed UTF-8 sequence is one character of class BPE_OTHER. */
bpe_class bpe_read_char(const uint8_t* text, size_t length, size_t at, size_t* next);

/* End of the pre-token that starts at text[at]. With `virtual_space` it starts with a space that is not in
 * the text, before text[at]; the end may then equal `at`. at < length. */
size_t bpe_word_end(const uint8_t* text, size_t length, size_t at, int virtual_space);

#endif
