/* CRC-32 eight bytes at a time, in the place of kernels/src/crc32.c (a table of 16 entries, for a small
 * flash): the laboratory spends most of its time in it. The same numbers: a violation would tell. */
#include <string.h>

#include "bitmar_kernels.h"

static uint32_t table[8][256];

__attribute__((constructor)) static void make_table(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    table[0][i] = crc;
  }
  for (uint32_t i = 0; i < 256; i++)
    for (int j = 1; j < 8; j++) table[j][i] = table[j - 1][i] >> 8 ^ table[0][table[j - 1][i] & 255];
}

uint32_t bm_crc32(uint32_t crc, const void* data, size_t bytes) {
  const uint8_t* p = data;
  crc = ~crc;
  for (; bytes >= 8; bytes -= 8, p += 8) {
    uint32_t low, high;
    memcpy(&low, p, 4);
    memcpy(&high, p + 4, 4);
    low ^= crc;
    crc = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^ table[4][low >> 24] ^
          table[3][high & 255] ^ table[2][high >> 8 & 255] ^ table[1][high >> 16 & 255] ^
          table[0][high >> 24];
  }
  while (bytes--) crc = crc >> 8 ^ table[0][(crc ^ *p++) & 255];
  return ~crc;
}
