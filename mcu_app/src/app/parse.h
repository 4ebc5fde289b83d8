/** Lines into words as the Pi's console takes them: quotes as in a shell, # begins a comment. */
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

/** A word of the console: how many arguments it takes, which flag, and whether the last takes the rest of the
 * line. */
struct Word {
  const char* name;
  const char* usage;
  const char* summary;
  uint8_t needed, most;
  bool free_text;
  const char* option;
};

extern const Word kWords[];
extern const uint32_t kWordCount;

/** A parsed line. `word` is an index into kWords; -1: empty or a comment. */
struct Call {
  int32_t word;
  char* arguments[2];
  uint32_t count;
  bool option;
};

/** Finds the word and checks its arguments. `error` (of `capacity` bytes) gets a sentence where it returns
 * false. */
bool parse_call(Line* line, Call* call, char* error, uint32_t capacity);

}  // namespace bitmar
