#include "internal.h"

/* exp(x) for x <= 0, 0 below -87 (and for NaN). x = n ln2 + r with |r| <= ln2 / 2; ln2 in two parts (Cody and
 * Waite), the first with so few bits that n * ln2_hi is exact; minimax polynomial of degree 6 whose first two
 * coefficients are 1. Relative error <= 1e-7. The order of operations is part of the ops' definition. */
float bm_exp32(float x) {
  const float log2e = 1.44269504088896341f, round = 12582912.0f; /* 1.5 * 2^23 */
  const float ln2_hi = 0.693359375f, ln2_lo = -2.12194440e-4f;
  const float c2 = 0x1.fffffcp-2f, c3 = 0x1.555492p-3f, c4 = 0x1.5558f4p-5f, c5 = 0x1.123a22p-7f,
              c6 = 0x1.6a23c2p-10f;
  if (!(x >= -87.0f)) return 0.0f;
  float z = x * log2e + round;
  float n = z - round;
  float r = (x - n * ln2_hi) - n * ln2_lo;
  float p = c6;
  p = p * r + c5;
  p = p * r + c4;
  p = p * r + c3;
  p = p * r + c2;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  uint32_t exponent = bm_bits(z) - 0x4B400000u + 127u; /* n + 127, n in [-126, 0] */
  return p * bm_from_bits(exponent << 23);
}
