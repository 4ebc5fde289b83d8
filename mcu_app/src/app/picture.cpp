#include "picture.h"

#include <cmath>
#include <cstring>

#include "bitmar_kernels.h"
#include "output.h"

namespace bitmar {

static int32_t sextet(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int32_t base64_decode(const char* text, uint8_t* out, uint32_t capacity) {
  const uint32_t length = std::strlen(text);
  if (length % 4) return -1;
  uint32_t count = 0;
  for (uint32_t i = 0; i < length; i += 4) {
    const bool last = i + 4 == length;
    const uint32_t padding = last ? (text[i + 3] == '=') + (text[i + 3] == '=' && text[i + 2] == '=') : 0;
    uint32_t bits = 0;
    for (uint32_t j = 0; j < 4; j++) {
      const int32_t value = j >= 4 - padding ? 0 : sextet(text[i + j]);
      if (value < 0) return -1;
      bits = bits << 6 | static_cast<uint32_t>(value);
    }
    for (uint32_t j = 0; j < 3 - padding; j++) {
      if (count == capacity) return -1;
      out[count++] = static_cast<uint8_t>(bits >> (16 - 8 * j));
    }
  }
  return static_cast<int32_t>(count);
}

const char* payload_decode(const char* what, const char* text, uint8_t* out, uint32_t bytes) {
  static char problem[80];
  char number[12];
  const int32_t count = base64_decode(text, out, bytes);
  uint32_t crc;
  std::memcpy(&crc, out + bytes - 4, 4);
  if (count != static_cast<int32_t>(bytes)) {
    const char* const fault = count < 0 ? " is not base64 of " : " is too short, expected base64 of ";
    compose(problem, sizeof problem, {what, fault, number_text(bytes, number), " bytes"});
  } else if (crc != bm_crc32(0, out, bytes - 4)) {
    compose(problem, sizeof problem, {what, " has a wrong CRC: send it again"});
  } else {
    return nullptr;
  }
  return problem;
}

const char* picture_decode(const char* text, engine_picture* picture) {
  static uint8_t bytes[kPictureBytes];
  if (const char* problem = payload_decode("the picture", text, bytes, sizeof bytes)) return problem;
  float scale;
  std::memcpy(&scale, bytes + BITMAR_VISION, 4);
  if (!std::isfinite(scale) || !(scale > 0.0f)) return "the picture's scale is not a positive number";
  std::memcpy(picture->q, bytes, BITMAR_VISION);
  picture->scale = scale;
  return nullptr;
}

}  // namespace bitmar
