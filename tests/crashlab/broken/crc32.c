/* A store that does not check: every CRC is right. The laboratory has to notice. */
#include "bitmar_kernels.h"

uint32_t bm_crc32(uint32_t crc, const void* data, size_t bytes) {
  (void)crc;
  (void)data;
  (void)bytes;
  return 0;
}
