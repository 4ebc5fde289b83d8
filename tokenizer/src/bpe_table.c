/* Opening a table: every number that later code indexes with is checked once, here. */
#include <string.h>

#include "bitmar_kernels.h"
#include "bpe_internal.h"

enum { HEADER_SIZE = 64, CRC_FROM = 8 };

static uint32_t origin_of(const bpe_table* t, uint32_t id) { return bpe_read16(t->origin + 2 * id); }

/* Each merge joins two texts into one of their summed length. Lengths >= 1 then make the merges acyclic,
 * which is what bpe_decode's descent relies on. */
static int merges_valid(const bpe_table* t) {
  for (uint32_t rank = 0; rank < t->merges; rank++) {
    const uint32_t left = bpe_read16(t->pairs + 4 * rank);
    const uint32_t right = bpe_read16(t->pairs + 4 * rank + 2);
    const uint32_t merged = bpe_read16(t->merged + 2 * rank);
    if (left >= t->vocab_size || right >= t->vocab_size || merged >= t->vocab_size) return 0;
    const uint32_t left_length = t->lengths[left], right_length = t->lengths[right];
    if (left_length == 0 || right_length == 0 || t->lengths[merged] != left_length + right_length) return 0;
  }
  return 1;
}

static int ids_valid(bpe_table* t) {
  t->longest = 0;
  for (uint32_t id = 0; id < t->vocab_size; id++) {
    const uint32_t origin = origin_of(t, id), length = t->lengths[id];
    if (origin < t->merges) {
      if (bpe_read16(t->merged + 2 * origin) != id) return 0;
    } else if (origin >= BPE_ORIGIN_BYTE) {
      if (length != 1) return 0;
    } else if (origin != BPE_ORIGIN_SPECIAL || length != 0) {
      return 0;
    }
    if (length > t->longest) t->longest = length;
  }
  for (uint32_t byte = 0; byte < 256; byte++) {
    const uint32_t id = bpe_read16(t->byte_ids + 2 * byte);
    if (id >= t->vocab_size || origin_of(t, id) != BPE_ORIGIN_BYTE + byte) return 0;
  }
  return 1;
}

static int slots_valid(const bpe_table* t) {
  for (uint32_t slot = 0; slot < t->slot_count; slot++) {
    const uint32_t rank = bpe_read16(t->slots + 2 * slot);
    if (rank >= t->merges && rank != BPE_NO_RANK) return 0;
  }
  return 1;
}

/* A special id is absent (0xFFFFFFFF) or the id of a token that is not text. */
static int special_valid(const bpe_table* t, const uint8_t* field, int32_t* id) {
  const uint32_t value = bpe_read32(field);
  *id = -1;
  if (value == 0xFFFFFFFFu) return 1;
  if (value >= t->vocab_size || origin_of(t, value) != BPE_ORIGIN_SPECIAL) return 0;
  *id = (int32_t)value;
  return 1;
}

int bpe_open(bpe_table* table, const void* bytes, size_t size) {
  const uint8_t* b = bytes;
  memset(table, 0, sizeof *table);
  if (size < 4) return BPE_ERROR_SIZE;
  if (memcmp(b, "BPET", 4) != 0) return BPE_ERROR_MAGIC;
  if (size < HEADER_SIZE) return BPE_ERROR_SIZE;
  table->flags = bpe_read16(b + 10);
  if (bpe_read16(b + 8) != 1 || (table->flags & ~(uint32_t)BPE_FLAGS_KNOWN) != 0) return BPE_ERROR_VERSION;

  const uint32_t vocab = table->vocab_size = bpe_read32(b + 16);
  const uint32_t merges = table->merges = bpe_read32(b + 20);
  const uint32_t buckets = table->buckets = bpe_read32(b + 24);
  const uint32_t slots = table->slot_count = bpe_read32(b + 28);
  if (vocab < 256 || vocab > 65535 || merges > BPE_MAX_MERGES) return BPE_ERROR_SIZE;
  if (buckets < 1 || buckets > 65535 || slots < 1 || slots < merges || slots > 65535) return BPE_ERROR_SIZE;
  const size_t expected = HEADER_SIZE + 6 * merges + 3 * vocab + 2 * buckets + 2 * slots + 512;
  if (size != expected || bpe_read32(b + 12) != expected) return BPE_ERROR_SIZE;
  if (bm_crc32(0, b + CRC_FROM, size - CRC_FROM) != bpe_read32(b + 4)) return BPE_ERROR_CRC;

  table->pairs = b + HEADER_SIZE;
  table->merged = table->pairs + 4 * merges;
  table->origin = table->merged + 2 * merges;
  table->displacements = table->origin + 2 * vocab;
  table->slots = table->displacements + 2 * buckets;
  table->byte_ids = table->slots + 2 * slots;
  table->lengths = table->byte_ids + 512;
  for (size_t i = 44; i < HEADER_SIZE; i++)
    if (b[i] != 0) return BPE_ERROR_CONTENT;
  if (!merges_valid(table) || !ids_valid(table) || !slots_valid(table)) return BPE_ERROR_CONTENT;
  if (!special_valid(table, b + 32, &table->pad) || !special_valid(table, b + 36, &table->bos) ||
      !special_valid(table, b + 40, &table->eos))
    return BPE_ERROR_CONTENT;
  return BPE_OK;
}

size_t bpe_table_size(void) { return sizeof(bpe_table); }
uint32_t bpe_vocab_size(const bpe_table* table) { return table->vocab_size; }
uint32_t bpe_longest(const bpe_table* table) { return table->longest; }
int32_t bpe_pad(const bpe_table* table) { return table->pad; }
int32_t bpe_bos(const bpe_table* table) { return table->bos; }
int32_t bpe_eos(const bpe_table* table) { return table->eos; }

const char* bpe_error_text(int32_t error) {
  switch (error) {
    case BPE_ERROR_SIZE:
      return "the size is not the one that the header says, or the counts are impossible";
    case BPE_ERROR_MAGIC:
      return "not a tokenizer table";
    case BPE_ERROR_VERSION:
      return "a format version or flag that this program does not know";
    case BPE_ERROR_CRC:
      return "the checksum is wrong: damaged";
    case BPE_ERROR_CONTENT:
      return "the contents contradict each other";
    case BPE_ERROR_CAPACITY:
      return "the buffer is too small";
    case BPE_ERROR_ID:
      return "no such token id";
    default:
      return error >= 0 ? "no error" : "unknown error";
  }
}
