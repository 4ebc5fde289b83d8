/** Text from outside (names, answers, words of the line) on its way to a terminal or into JSON. */
#pragma once
#include <cstdint>

namespace bitmar {

/** One character of UTF-8, or one maximal invalid sequence as U+FFFD (The Unicode Standard 3.9, "substitution
 * of maximal subparts"; Python's errors="replace"). `whole` is false where the bytes end inside a character.
 */
struct Character {
  uint32_t code;
  uint32_t bytes;
  bool whole;
};
Character next_character(const char* text, uint32_t bytes); /**< bytes > 0 */

/** Controls, format characters and line or paragraph separators (Unicode's Cc, Cf, Zl, Zp): they move a
 * terminal's cursor, or turn the order of what it shows. */
bool is_control(uint32_t code);

/** To a terminal: controls as \x1b (Cc), \u202e or \U000e0001. */
void put_text(const char* text);

/** Between the quotes of a JSON string. */
void put_json_text(const char* text, uint32_t bytes);

/** put_text for pieces that may end inside a character. */
class TextStream {
 public:
  void write(const char* text, uint32_t bytes);
  void end(); /**< what is held back is an incomplete character */

 private:
  char held_[4] = {};
  uint32_t count_ = 0;
};

}  // namespace bitmar
