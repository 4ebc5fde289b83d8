/* Encodes and decodes cases from a file with buffers of exactly the documented sizes, for sanitizers and
 * other machines.
 *
 *   run_cases TABLE CASES [once]
 *
 * CASES: per case a 4-byte little-endian length and the text. Prints the ids of each case on a line; every
 * text is decoded again and compared and, without `once`, encoded again with half the capacity and
 * normalised. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpe.h"

static uint8_t* read_file(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END) != 0) exit(3);
  *size = (size_t)ftell(file);
  rewind(file);
  uint8_t* bytes = malloc(*size + 1);
  if (!bytes || fread(bytes, 1, *size, file) != *size) exit(3);
  fclose(file);
  return bytes;
}

/* Fewer entries than the documented number: the same ids or an error. Then the text is normalised, twice. */
static void run_tight(const bpe_table* table, uint8_t* text, size_t length, const int32_t* ids, int32_t count,
                      size_t capacity) {
  int32_t* few = malloc(capacity * sizeof *few);
  const int32_t again = bpe_encode(table, text, length, few, capacity);
  if (again != BPE_ERROR_CAPACITY && (again != count || memcmp(few, ids, (size_t)count * sizeof *ids)))
    exit(7);
  const size_t normal = bpe_normalise((char*)text, length);
  if (normal > length || bpe_normalise((char*)text, normal) != normal) exit(8);
  free(few);
}

static void run_case(const bpe_table* table, const uint8_t* source, size_t length, int once) {
  uint8_t* text = malloc(length); /* exact sizes: a sanitizer sees one byte too many */
  if (length) memcpy(text, source, length);
  const size_t capacity = bpe_encode_capacity(table, length);
  int32_t* ids = malloc(capacity * sizeof *ids);
  const int32_t count = bpe_encode(table, text, length, ids, capacity);
  if (count < 0) exit(4);
  size_t at = 0;
  for (int32_t i = 0; i < count; i++) {
    uint8_t piece[255];
    const int32_t size = bpe_decode(table, ids[i], piece, bpe_longest(table));
    const size_t skip = i == 0 && size > 0 && capacity > length && (length == 0 || text[0] != ' ');
    if (size <= 0 || at + (size_t)size - skip > length ||
        memcmp(piece + skip, text + at, (size_t)size - skip))
      exit(5);
    at += (size_t)size - skip;
    printf("%s%d", i ? " " : "", (int)ids[i]);
  }
  if (at != length) exit(6);
  putchar('\n');
  if (!once) run_tight(table, text, length, ids, count, capacity / 2);
  free(ids);
  free(text);
}

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) return 2;
  size_t table_size, size;
  uint8_t* bytes = read_file(argv[1], &table_size);
  uint8_t* cases = read_file(argv[2], &size);
  bpe_table table;
  const int status = bpe_open(&table, bytes, table_size);
  if (status != BPE_OK) {
    puts(bpe_error_text(status));
    return 1;
  }
  for (size_t at = 0; at + 4 <= size;) {
    const size_t length = cases[at] | cases[at + 1] << 8 | cases[at + 2] << 16 | (size_t)cases[at + 3] << 24;
    run_case(&table, cases + at + 4, length, argc == 4);
    at += 4 + length;
  }
  free(cases);
  free(bytes);
  return 0;
}
