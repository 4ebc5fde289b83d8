/* Opens damaged copies of a table and, where one is accepted, uses it: no damage may end in a bad access or a
 * hang.
 *
 *   damage_table TABLE SEED RANDOM_COUNT
 *
 * 1. every truncation, and the table with bytes behind it: refused;
 * 2. every single flipped bit: refused (the checksum, or a check before it);
 * 3. every byte set to 0, 0xFF and one bit flipped, the checksum made right again: refused or safe to use;
 * 4. RANDOM_COUNT tables with 1 to 8 random 16-bit values and a right checksum: refused or safe to use.
 * Prints how many were opened, and how many of the tables with a right checksum were accepted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpe.h"

static uint64_t random_state;

static uint32_t random32(void) { /* xorshift64* */
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return (uint32_t)(random_state * 0x2545F4914F6CDD1Du >> 32);
}

static uint32_t crc_table[256];

static void make_crc_table(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xEDB88320u ^ crc >> 1 : crc >> 1;
    crc_table[i] = crc;
  }
}

static void make_checksum_right(uint8_t* bytes, size_t size) {
  uint32_t crc = 0xFFFFFFFFu;
  for (size_t i = 8; i < size; i++) crc = crc_table[(crc ^ bytes[i]) & 255] ^ crc >> 8;
  crc = ~crc;
  for (int i = 0; i < 4; i++) bytes[4 + i] = (uint8_t)(crc >> 8 * i);
}

static void use(const bpe_table* table) {
  static const char text[] =
      "The strawberry's  \xf0\x9f\x8d\x93 1,234 \xff\xfe caf\xc3\xa9 aaaaaaaaaaaaaaaa\n\n";
  int32_t ids[sizeof text];
  uint8_t piece[255];
  const int32_t count = bpe_encode(table, text, sizeof text - 1, ids, sizeof ids / sizeof *ids);
  if (count < 0) exit(4);
  for (int32_t i = 0; i < count; i++)
    if (bpe_decode(table, ids[i], piece, sizeof piece) < 0) exit(5);
  for (uint32_t id = 0; id < bpe_vocab_size(table); id += 1 + random32() % 64)
    if (bpe_decode(table, (int32_t)id, piece, bpe_longest(table)) < 0) exit(6);
  const int32_t special[3] = {bpe_pad(table), bpe_bos(table), bpe_eos(table)};
  for (int i = 0; i < 3; i++)
    if (special[i] >= 0 && bpe_decode(table, special[i], piece, 0) != 0) exit(7);
}

static unsigned long opened, accepted;

static int try_open(const uint8_t* bytes, size_t size) {
  uint8_t* exact = malloc(size); /* its own block: one byte read behind it is a finding */
  if (size) memcpy(exact, bytes, size);
  bpe_table table;
  const int status = bpe_open(&table, exact, size);
  opened++;
  if (status == BPE_OK) use(&table);
  free(exact);
  return status;
}

static void try_with_right_checksum(uint8_t* bytes, size_t size) {
  make_checksum_right(bytes, size);
  accepted += try_open(bytes, size) == BPE_OK;
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  FILE* file = fopen(argv[1], "rb");
  if (!file) return 3;
  static uint8_t good[1 << 16], bytes[(1 << 16) + 4];
  const size_t size = fread(good, 1, sizeof good, file);
  fclose(file);
  random_state = strtoull(argv[2], NULL, 10) * 2 + 1;
  make_crc_table();
  if (try_open(good, size) != BPE_OK) return 10;

  memcpy(bytes, good, size);
  for (size_t shorter = 0; shorter < size; shorter++)
    if (try_open(bytes, shorter) == BPE_OK) return 11;
  for (size_t longer = size + 1; longer <= size + 4; longer++)
    if (try_open(bytes, longer) == BPE_OK) return 12;

  for (size_t bit = 0; bit < 8 * size; bit++) {
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    if (try_open(bytes, size) == BPE_OK) return 13;
    bytes[bit / 8] = good[bit / 8];
  }

  for (size_t i = 0; i < size; i++) {
    const uint8_t values[3] = {0, 0xFF, (uint8_t)(good[i] ^ 1u << random32() % 8)};
    for (int v = 0; v < 3; v++) {
      bytes[i] = values[v];
      try_with_right_checksum(bytes, size);
    }
    memcpy(bytes, good, size);
  }

  for (long n = strtol(argv[3], NULL, 10); n > 0; n--) {
    for (uint32_t changes = 1 + random32() % 8; changes > 0; changes--) {
      const size_t at = random32() % 4 ? random32() % (size - 1) : random32() % 64;
      const uint32_t value = random32() % 2 ? random32() : random32() % 600;
      bytes[at] = (uint8_t)value;
      bytes[at + 1] = (uint8_t)(value >> 8);
    }
    try_with_right_checksum(bytes, size);
    memcpy(bytes, good, size);
  }
  printf("%lu opened, %lu accepted\n", opened, accepted);
  return 0;
}
