/* The tokenizer against test vectors, for boards: no files, no heap. vectors.py writes the data. */
#ifndef BITMAR_CHECK_VECTORS_H
#define BITMAR_CHECK_VECTORS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

extern const uint32_t tokenizer_vector_count, tokenizer_vector_table_size;
extern const uint8_t tokenizer_vector_table[], tokenizer_vector_texts[];
extern const uint16_t tokenizer_vector_text_sizes[], tokenizer_vector_ids[], tokenizer_vector_id_counts[];

/* -1: the table does not open. Otherwise the number of texts (<= tokenizer_vector_count) whose ids are right
 * and whose ids decode to the text, up to the first wrong one. */
int32_t check_tokenizer_vectors(void);

#ifdef __cplusplus
}
#endif
#endif
