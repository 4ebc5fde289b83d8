/* Byte-level BPE tokenizer: the vocabularies of GPT-2 and of Hugging Face's `ByteLevel` tokenizers, read in
 * place.
 *
 * The table (tokenizer.bin, format below) stays where it is, in flash or in a mapped file: nothing is copied,
 * built or allocated, and there is no state but the caller's bpe_table. All functions are pure; a bpe_table
 * may be shared between threads.
 *
 * Text is bytes. For valid UTF-8 the ids equal those of `tokenizers` with special tokens taken as plain text
 * (Tokenizer.encode_special_tokens = True): a text never produces pad, bos or eos. A byte that is not part of
 * a well-formed UTF-8 sequence (Unicode 15, table 3-7: no overlong forms, surrogates or values above
 * U+10FFFF) counts as a symbol (neither letter, digit nor white space) of its own and becomes its byte's
 * token, so that every string of bytes round-trips.
 *
 * tokenizer.bin, version 1, little-endian, no alignment required:
 *
 *   offset  size  field
 *        0     4  magic "BPET"
 *        4     4  CRC-32 (IEEE 802.3, as zlib's) of everything from offset 8 to the end
 *        8     2  version = 1
 *       10     2  flags: bit 0 = put a space before a text that does not start with one (`add_prefix_space`)
 *       12     4  size of the whole table in bytes
 *       16     4  V, entries in the vocabulary, 256..65535
 *       20     4  M, merges, 0..65279
 *       24     4  B, buckets of the perfect hash, >= 1
 *       28     4  S, slots of the perfect hash, max(M, 1)..65535
 *       32    12  ids of <pad>, <bos>, <eos> (0xFFFFFFFF = the vocabulary has none)
 *       44    20  reserved, 0
 *       64   4*M  pairs: left id, right id (2 bytes each) of each merge, in order of rank
 *            2*M  merged: the id that each merge makes
 *            2*V  origin of each id: the rank of a merge that makes it, 0xFF00 + b for the token of byte b,
 *                 0xFEFF for a special token (not text)
 *            2*B  displacements of the perfect hash
 *            2*S  slots of the perfect hash: rank of a merge, 0xFFFF = empty
 *            512  the ids of the bytes 0..255
 *              V  length of each id in bytes, 0 for special tokens
 *
 * The rank of the pair (l, r): key = l << 16 | r; d = displacement[reduce(mix(key), B)];
 * rank = slot[reduce(mix(key ^ (d + 1) * 0x9E3779B9), S)], a merge if pairs[rank] is (l, r); with
 * reduce(h, n) = (h * n) >> 32 in 64 bits and mix = MurmurHash3's 32-bit finalizer ("hash and displace",
 * Pagh 1999): three reads for a hit or a miss.
 */
#ifndef BITMAR_BPE_H
#define BITMAR_BPE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  BPE_OK = 0,
  BPE_ERROR_SIZE = -1, /* the table is shorter or longer than its header says, or its counts are impossible */
  BPE_ERROR_MAGIC = -2,   /* not a tokenizer table */
  BPE_ERROR_VERSION = -3, /* a table of another format version, or with unknown flags */
  BPE_ERROR_CRC = -4,     /* damaged */
  BPE_ERROR_CONTENT = -5, /* an index out of range, lengths that do not add up: not written by our exporter */
  BPE_ERROR_CAPACITY = -6, /* the caller's buffer is too small */
  BPE_ERROR_ID = -7        /* no such id */
};

/* A table that bpe_open has checked. The fields are private; copying the struct is fine. */
typedef struct {
  const uint8_t* pairs;
  const uint8_t* merged;
  const uint8_t* origin;
  const uint8_t* displacements;
  const uint8_t* slots;
  const uint8_t* byte_ids;
  const uint8_t* lengths;
  uint32_t vocab_size, merges, buckets, slot_count, flags;
  int32_t pad, bos, eos;
  uint32_t longest;
} bpe_table;

/* Checks `size` bytes at `bytes` (which must outlive `table`) and fills *table. O(size). Any bytes are
 * safe: everything that the other functions index with is checked here. Returns BPE_OK, BPE_ERROR_SIZE,
 * _MAGIC, _VERSION, _CRC or _CONTENT; *table is undefined after an error. */
int bpe_open(bpe_table* table, const void* bytes, size_t size);

/* Ids of text[0..length) into ids[0..capacity); returns how many, or BPE_ERROR_CAPACITY.
 * `ids` is the only scratch: while a word is being merged it takes one entry per byte, so a capacity of
 * bpe_encode_capacity(table, length) always suffices (truncate afterwards). With less, the call succeeds if
 * every word (a piece of the pre-tokenizer) fits, one entry per byte, behind the ids before it. Time: O(bytes
 * of the word x distinct merges applied to it). No special tokens are added. */
int32_t bpe_encode(const bpe_table* table, const void* text, size_t length, int32_t* ids, size_t capacity);

/* Entries of `ids` that are enough for any text of `length` bytes. */
size_t bpe_encode_capacity(const bpe_table* table, size_t length);

/* The bytes of one id into bytes[0..capacity) (no terminator); returns how many (0 for special tokens),
 * BPE_ERROR_ID or BPE_ERROR_CAPACITY. A token may end inside a UTF-8 sequence.
 * bpe_longest(table) is the capacity that fits every id (at most 255). */
int32_t bpe_decode(const bpe_table* table, int32_t id, void* bytes, size_t capacity);

/* Strips ASCII white space (tab, line feed, vertical tab, form feed, carriage return, space) from both ends
 * of text[0..length) and turns each run of it into one space, in place; returns the new length. Every text
 * that a model sees goes through this first. */
size_t bpe_normalise(char* text, size_t length);

size_t bpe_table_size(void); /* sizeof(bpe_table), for callers that cannot see the struct */
uint32_t bpe_vocab_size(const bpe_table* table);
uint32_t bpe_longest(const bpe_table* table); /* bytes of the longest token */

/* Ids of the special tokens, -1 if the vocabulary has none. */
int32_t bpe_pad(const bpe_table* table);
int32_t bpe_bos(const bpe_table* table);
int32_t bpe_eos(const bpe_table* table);

/* One line of English for an error code (static storage). */
const char* bpe_error_text(int32_t error);

#ifdef __cplusplus
}
#endif
#endif
