#include "output.h"

#include <cmath>
#include <cstring>

#include "board.h"

namespace bitmar {

void compose(char* buffer, uint32_t capacity, std::initializer_list<const char*> texts) {
  uint32_t length = 0;
  for (const char* text : texts)
    for (; *text && length + 1 < capacity; text++) buffer[length++] = *text;
  buffer[length] = 0;
}

void put(const char* text, uint32_t bytes) { board_write(text, bytes); }
void put(const char* text) { put(text, std::strlen(text)); }

const char* number_text(uint32_t value, char* text) {
  uint32_t count = 1;
  for (uint32_t rest = value; rest /= 10;) count++;
  text[count] = 0;
  do text[--count] = static_cast<char>('0' + value % 10);
  while (value /= 10);
  return text;
}

void put_number(uint32_t value) {
  char digits[12];
  put(number_text(value, digits));
}

void put_decimal(float value, uint32_t digits) {
  uint32_t unit = 1;
  for (uint32_t i = 0; i < digits; i++) unit *= 10;
  if (!std::isfinite(value)) value = 0;
  if (value < 0) put("-");
  const double scaled = std::fabs(static_cast<double>(value)) * unit + 0.5;
  const uint64_t rounded = scaled < 4e18 ? static_cast<uint64_t>(scaled) : 0;
  put_number(static_cast<uint32_t>(rounded / unit));
  if (!digits) return;
  put(".");
  uint32_t rest = static_cast<uint32_t>(rounded % unit);
  for (uint32_t place = unit / 10; place; place /= 10) {
    const char digit = static_cast<char>('0' + rest / place % 10);
    put(&digit, 1);
  }
}

void put_hex(uint32_t value) {
  char digits[8];
  for (int i = 7; i >= 0; i--, value >>= 4) digits[i] = "0123456789abcdef"[value & 15];
  put(digits, sizeof digits);
}

}  // namespace bitmar
