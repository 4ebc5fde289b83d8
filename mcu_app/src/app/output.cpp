#include "output.h"

#include <cmath>
#include <cstring>

#include "board.h"
#include "text.h"

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

static void put_string(const char* text, uint32_t bytes) {
  put("\"");
  put_json_text(text, bytes);
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

void Json::item(const char* value) {
  if (!on_) return;
  key(nullptr);
  put_string(value, std::strlen(value));
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
