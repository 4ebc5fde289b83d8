/* Little-endian access to unaligned bytes: the card's format is the same on every machine. CRC-32, binary16
 * and the quantisation come from kernels/. */
#ifndef BITMAR_MS_BYTES_H
#define BITMAR_MS_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bitmar_kernels.h"

static inline uint16_t ms_get16(const uint8_t* p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t ms_get32(const uint8_t* p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t ms_get64(const uint8_t* p) { return ms_get32(p) | (uint64_t)ms_get32(p + 4) << 32; }
static inline float ms_getf(const uint8_t* p) {
  uint32_t bits = ms_get32(p);
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline void ms_put16(uint8_t* p, uint16_t v) {
  p[0] = (uint8_t)v;
  p[1] = (uint8_t)(v >> 8);
}
static inline void ms_put32(uint8_t* p, uint32_t v) {
  ms_put16(p, (uint16_t)v);
  ms_put16(p + 2, (uint16_t)(v >> 16));
}
static inline void ms_put64(uint8_t* p, uint64_t v) {
  ms_put32(p, (uint32_t)v);
  ms_put32(p + 4, (uint32_t)(v >> 32));
}
static inline void ms_putf(uint8_t* p, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  ms_put32(p, bits);
}

/* Neither NaN nor infinite. */
static inline int ms_finite(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return (bits & 0x7f800000u) != 0x7f800000u;
}

#endif
