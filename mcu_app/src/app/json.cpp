#include "json.h"

#include <cstring>

#include "output.h"
#include "text.h"

namespace bitmar {

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
