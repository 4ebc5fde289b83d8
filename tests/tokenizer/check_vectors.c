#include "check_vectors.h"

#include <string.h>

#include "bpe.h"

static int is_right(const bpe_table* table, const uint8_t* text, size_t size, const uint16_t* expected,
                    int32_t count) {
  int32_t ids[257];
  uint8_t piece[255];
  if (bpe_encode(table, text, size, ids, sizeof ids / sizeof *ids) != count) return 0;
  size_t at = 0;
  for (int32_t i = 0; i < count; i++) {
    if (ids[i] != expected[i]) return 0;
    const int32_t length = bpe_decode(table, ids[i], piece, sizeof piece);
    if (length < 0 || (size_t)length > size - at || memcmp(piece, text + at, (size_t)length) != 0) return 0;
    at += (size_t)length;
  }
  return at == size;
}

int32_t check_tokenizer_vectors(void) {
  bpe_table table;
  if (bpe_open(&table, tokenizer_vector_table, tokenizer_vector_table_size) != BPE_OK) return -1;
  const uint8_t* text = tokenizer_vector_texts;
  const uint16_t* ids = tokenizer_vector_ids;
  for (uint32_t i = 0; i < tokenizer_vector_count; i++) {
    if (!is_right(&table, text, tokenizer_vector_text_sizes[i], ids, tokenizer_vector_id_counts[i]))
      return (int32_t)i;
    text += tokenizer_vector_text_sizes[i];
    ids += tokenizer_vector_id_counts[i];
  }
  return (int32_t)tokenizer_vector_count;
}
