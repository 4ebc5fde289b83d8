/* IEEE 754 binary16. Own code, so that slots hold the same bits whatever the machine's conversion
 * instructions do. */
#include "bytes.h"
#include "memstore.h"

uint16_t ms_half_from_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
  bits &= 0x7fffffffu;
  if (bits > 0x7f800000u) return sign | 0x7e00u;  /* NaN */
  if (bits >= 0x477ff000u) return sign | 0x7c00u; /* 65520 and above round to infinity */
  if (bits < 0x38800000u) {                       /* below 2^-14: subnormal or zero */
    uint32_t exponent = bits >> 23;
    if (exponent < 102) return sign; /* below 2^-25: zero (2^-25 itself ties to even, zero) */
    uint32_t shift = 126 - exponent, mantissa = (bits & 0x7fffffu) | 0x800000u;
    uint32_t half = mantissa >> shift, rest = mantissa & ((1u << shift) - 1), tie = 1u << (shift - 1);
    return (uint16_t)(sign | (half + (rest > tie || (rest == tie && (half & 1)))));
  }
  uint32_t half = (bits - 0x38000000u) >> 13, rest = bits & 0x1fffu;
  return (uint16_t)(sign | (half + (rest > 0x1000u || (rest == 0x1000u && (half & 1)))));
}

float ms_half_to_float(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = half >> 10 & 31u, mantissa = half & 0x3ffu,
           bits;
  if (exponent == 31) {
    bits = sign | 0x7f800000u | mantissa << 13;
  } else if (exponent) {
    bits = sign | (exponent + 112) << 23 | mantissa << 13;
  } else if (mantissa) {
    for (exponent = 113; !(mantissa & 0x400u); mantissa <<= 1) exponent--;
    bits = sign | exponent << 23 | (mantissa & 0x3ffu) << 13;
  } else {
    bits = sign;
  }
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}
