/* Numbers to bytes and back, and the score by which slots stay. */
#include "memory.h"

float ms_encode_slot(const ms_layout* l, const float* values, uint8_t* bytes) {
  if (l->dtype == MS_INT8) {
    float scale;
    bm_quantise(values, (int32_t)l->dim, (int8_t*)bytes, &scale);
    return scale;
  }
  for (uint32_t i = 0; i < l->dim; i++) {
    uint16_t half = bm_half_from_float(values[i]);
    if ((half & 0x7fffu) == 0x7c00u)
      half--; /* too large for a half: the largest finite one, never an infinity */
    ms_put16(bytes + 2 * i, half);
  }
  return 0.0f;
}

void ms_decode_slot(const ms_layout* l, const uint8_t* bytes, float scale, float* values) {
  for (uint32_t i = 0; i < l->dim; i++)
    values[i] =
        l->dtype == MS_INT8 ? (float)(int8_t)bytes[i] * scale : bm_half_to_float(ms_get16(bytes + 2 * i));
}

float ms_retention(const ms_memory* m, uint32_t slot, uint64_t now) {
  const uint8_t* record = ms_record(m, slot);
  uint32_t uses = m->access[slot].uses, log2 = 0;
  for (uint64_t n = (uint64_t)uses + 1; n > 1; n >>= 1) log2++;
  uint64_t last = m->access[slot].last, age = now > last ? now - last : 0;
  return ms_getf(record + MS_R_IMPORTANCE) * (float)(1 + log2) / (1.0f + (float)age);
}
