/* IEEE 754 binary16 <-> binary32 in integers: no F16C, no FP16 extension, no dependence on the FP mode. */
#include "internal.h"

uint16_t bm_half_from_float(float x) {
  uint32_t u = bm_bits(x), sign = u >> 16 & 0x8000u, a = u & 0x7FFFFFFFu;
  if (a > 0x7F800000u) return (uint16_t)(sign | 0x7E00u);  /* NaN */
  if (a >= 0x477FF000u) return (uint16_t)(sign | 0x7C00u); /* rounds to 2^16 or more: infinity */
  if (a >= 0x38800000u) {                                  /* normal: >= 2^-14 */
    uint32_t odd = a >> 13 & 1u;
    return (uint16_t)(sign | ((a + 0xFFFu + odd - (112u << 23)) >> 13));
  }
  if (a <= 0x33000000u) return (uint16_t)sign; /* <= 2^-25, half of the smallest denormal: to even, 0 */
  uint32_t mantissa = (a & 0x7FFFFFu) | 0x800000u, shift = 126u - (a >> 23);
  uint32_t h = mantissa >> shift, rest = mantissa & ((1u << shift) - 1u), half = 1u << (shift - 1u);
  if (rest > half || (rest == half && (h & 1u))) h++;
  return (uint16_t)(sign | h);
}

float bm_half_to_float(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = h >> 10 & 31u, mantissa = h & 0x3FFu;
  if (exponent == 31) return bm_from_bits(sign | 0x7F800000u | mantissa << 13);
  if (exponent) return bm_from_bits(sign | (exponent + 112u) << 23 | mantissa << 13);
  if (!mantissa) return bm_from_bits(sign);
  uint32_t e = 113;
  while (!(mantissa & 0x400u)) {
    mantissa <<= 1;
    e--;
  }
  return bm_from_bits(sign | e << 23 | (mantissa & 0x3FFu) << 13);
}

void bm_halves_from_floats(const float* x, size_t n, uint16_t* h) {
  for (size_t i = 0; i < n; i++) h[i] = bm_half_from_float(x[i]);
}

void bm_halves_to_floats(const uint16_t* h, size_t n, float* x) {
  for (size_t i = 0; i < n; i++) x[i] = bm_half_to_float(h[i]);
}
