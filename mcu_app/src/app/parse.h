/** Lines into words as the Pi's console takes them (pi_app/words.py): a quotation begins at a word's start,
 * an apostrophe that is not closed at a word's end or stands inside a word is a letter, # begins a comment at
 * a word's start. */
#pragma once
#include <cstdint>

namespace bitmar {

constexpr uint32_t kMaxArguments = 256;

struct Line {
  char* arguments[kMaxArguments];
  uint32_t count;
};

/** Splits in place; nullptr, or what is wrong with the line. */
const char* split_line(char* text, Line* line);

/** A word of the console: how many arguments it takes, whether the last takes the rest of the line, and its
 * flags, nullptr after the last. */
struct Word {
  const char* name;
  const char* usage;
  const char* summary;
  uint8_t needed, most;
  bool free_text;
  const char* options[3];
};

extern const Word kWords[];
extern const uint32_t kWordCount;

/** A parsed line. `word` is an index into kWords; -1: empty or a comment. */
struct Call {
  int32_t word;
  char* arguments[2];
  uint32_t count;
  uint32_t options; /**< bit i: the word's i-th flag was given */
};

/** Finds the word and checks its arguments. `error` (of `capacity` bytes) gets a sentence where it returns
 * false. */
bool parse_call(Line* line, Call* call, char* error, uint32_t capacity);

/** Digits only, at most `most`; false for anything else. */
bool parse_number(const char* text, uint32_t most, uint32_t* value);

}  // namespace bitmar
