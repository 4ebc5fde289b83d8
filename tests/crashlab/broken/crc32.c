/* A store that does not check: every CRC is right. The laboratory has to notice. */
#include "bytes.h"

uint32_t ms_crc32(uint32_t crc, const uint8_t* data, size_t bytes) {
  (void)crc;
  (void)data;
  (void)bytes;
  return 0;
}
