/** Numbers and texts of our own to the console, for people or as one JSON object per answer; text from
 * outside: text.h. No stdio, no heap. */
#pragma once
#include <cstdint>
#include <initializer_list>

namespace bitmar {

/** Joins texts into `buffer` of `capacity` bytes, cut to fit, zero-terminated. */
void compose(char* buffer, uint32_t capacity, std::initializer_list<const char*> texts);

void put(const char* text);
void put(const char* text, uint32_t bytes);
void put_number(uint32_t value);
/** Rounded to `digits` decimals; NaN and infinities become 0 (JSON has none). */
void put_decimal(float value, uint32_t digits);
void put_hex(uint32_t value); /**< eight digits */

/** One answer as a JSON object on one line; in text mode (`json` false) all calls do nothing. Keys are
 * literals. */
class Json {
 public:
  explicit Json(bool json) : on_(json) {}
  void begin(const char* word);
  void text(const char* key, const char* value); /**< value nullptr: null */
  void text(const char* key, const char* value, uint32_t bytes);
  void number(const char* key, uint32_t value);
  void decimal(const char* key, float value, uint32_t digits);
  void boolean(const char* key, bool value);
  void null(const char* key);
  void begin_list(const char* key);
  void item(const char* value); /**< of a list of texts */
  void begin_item();            /**< of a list of objects */
  void end_item();
  void end_list();
  void end();
  bool on() const { return on_; }

 private:
  void key(const char* name);
  bool on_, first_ = true;
};

}  // namespace bitmar
