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

void put_number(uint32_t value) {
  char digits[10];
  uint32_t count = 0;
  do digits[sizeof digits - ++count] = static_cast<char>('0' + value % 10);
  while (value /= 10);
  put(digits + sizeof digits - count, count);
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

/* A token may end inside a UTF-8 sequence, so the whole text is escaped at once; broken bytes become U+FFFD.
 */
static uint32_t sequence_length(const char* text, uint32_t bytes) {
  const uint8_t lead = static_cast<uint8_t>(text[0]);
  const uint32_t length = lead < 0x80                   ? 1
                          : lead >= 0xC2 && lead < 0xE0 ? 2
                          : lead >= 0xE0 && lead < 0xF0 ? 3
                          : lead >= 0xF0 && lead < 0xF5 ? 4
                                                        : 0;
  if (length == 0 || length > bytes) return 0;
  for (uint32_t i = 1; i < length; i++)
    if ((static_cast<uint8_t>(text[i]) & 0xC0) != 0x80) return 0;
  return length;
}

static void put_string(const char* text, uint32_t bytes) {
  put("\"");
  for (uint32_t i = 0; i < bytes;) {
    const uint32_t length = sequence_length(text + i, bytes - i);
    const uint8_t byte = static_cast<uint8_t>(text[i]);
    if (length == 0) {
      put("\\ufffd");
    } else if (byte < 0x20 || byte == 0x7F) {
      const char escape[6] = {
          '\\', 'u', '0', '0', static_cast<char>('0' + (byte >> 4)), "0123456789abcdef"[byte & 15]};
      put(escape, sizeof escape);
    } else {
      if (byte == '"' || byte == '\\') put("\\");
      put(text + i, length);
    }
    i += length ? length : 1;
  }
  put("\"");
}

void Json::key(const char* name) {
  if (!first_) put(", ");
  first_ = false;
  if (!name) return;
  put("\"");
  put(name);
  put("\": ");
}

void Json::begin(const char* word) {
  if (!on_) return;
  put("{");
  first_ = true;
  text("word", word);
}

void Json::text(const char* name, const char* value) {
  if (!value) return null(name);
  text(name, value, std::strlen(value));
}

void Json::text(const char* name, const char* value, uint32_t bytes) {
  if (!on_) return;
  key(name);
  put_string(value, bytes);
}

void Json::number(const char* name, uint32_t value) {
  if (!on_) return;
  key(name);
  put_number(value);
}

void Json::decimal(const char* name, float value, uint32_t digits) {
  if (!on_) return;
  key(name);
  put_decimal(value, digits);
}

void Json::boolean(const char* name, bool value) {
  if (!on_) return;
  key(name);
  put(value ? "true" : "false");
}

void Json::null(const char* name) {
  if (!on_) return;
  key(name);
  put("null");
}

void Json::begin_list(const char* name) {
  if (!on_) return;
  key(name);
  put("[");
  first_ = true;
}

void Json::begin_item() {
  if (!on_) return;
  key(nullptr);
  put("{");
  first_ = true;
}

void Json::end_item() {
  if (!on_) return;
  put("}");
  first_ = false;
}

void Json::end_list() {
  if (!on_) return;
  put("]");
  first_ = false;
}

void Json::end() {
  if (on_) put("}\n");
}

}  // namespace bitmar
