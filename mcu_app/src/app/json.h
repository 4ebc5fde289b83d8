/** One answer of the console as a JSON object on one line. No stdio, no heap. */
#pragma once
#include <cstdint>

namespace bitmar {

/** In text mode (`json` false) all calls do nothing. Keys are literals. */
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
