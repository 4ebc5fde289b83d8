#include "parse.h"

#include <cstring>

#include "output.h"

namespace bitmar {

/* The words of pi_app/words.py, in its order, then a board's own; tests/mcu/test_words.py compares the two
 * tables. */
const Word kWords[] = {
    {"teach",
     "teach PICTURE NAME [--replace] [--both] [--keep]",
     "show a picture and say its name: it is remembered on the card",
     2,
     2,
     true,
     {"--replace", "--both", "--keep"}},
    {"ask", "ask PICTURE", "show a picture: what is it called?", 1, 1, false, {}},
    {"right", "right", "the last answer was right: its thing matters more", 0, 0, false, {}},
    {"wrong", "wrong NAME", "the last picture is something else: what it is called", 1, 1, true, {}},
    {"caption",
     "caption PICTURE",
     "guess what a picture shows, without the memory: right for 1 in 100 new things",
     1,
     1,
     false,
     {}},
    {"say", "say TEXT", "recall by name: exact, similar, or what the text is most like", 1, 1, true, {}},
    {"forget", "forget NAME", "erase what was taught under a name", 1, 1, true, {}},
    {"rename", "rename OLD NEW", "give a remembered thing another name", 2, 2, true, {}},
    {"mem show", "mem show", "list the slots: names, uses, views, importance", 0, 0, false, {}},
    {"mem verify",
     "mem verify",
     "check every slot and its mirror, repair what can be repaired",
     0,
     0,
     false,
     {}},
    {"mem prune",
     "mem prune IMPORTANCE",
     "forget what matters less (importance * unlikeness) than a number from 0 to 1",
     1,
     1,
     false,
     {}},
    {"mem history",
     "mem history",
     "list the last states: every write is one, and what it did",
     0,
     0,
     false,
     {}},
    {"mem undo", "mem undo [WRITES]", "take back the last write, or so many", 0, 1, false, {}},
    {"mem restore", "mem restore STATE", "go back to a state, by its number or its time", 1, 1, false, {}},
    {"mem diff", "mem diff STATE OTHER", "what differs between two states", 2, 2, false, {}},
    {"bench", "bench [TOKENS]", "measure tokens/s, recall and card times", 0, 1, false, {}},
    {"help", "help [WORD]", "list the words, or explain one", 0, 1, true, {}},
    {"quit", "quit", "leave; nothing is lost", 0, 0, false, {}},
    {"pixels",
     "pixels ROW BASE64",
     "a row of the picture `pixels`: 128 x RGB and their CRC-32",
     2,
     2,
     false,
     {}},
    {"digest",
     "digest PICTURE",
     "checksum of everything that the model computes from a picture",
     1,
     1,
     false,
     {}},
    {"provoke", "provoke WHAT", "test the protection: null, stack, model or hang", 1, 1, false, {}},
};
const uint32_t kWordCount = sizeof kWords / sizeof *kWords;

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* Moves one word to *to; returns where it ends, nullptr: a double quote without another one. */
static const char* take_word(const char* from, char** to) {
  if (*from == '\'') { /* the first apostrophe that ends a word closes it; without one it is a letter */
    const char* end = std::strchr(from + 1, '\'');
    while (end && end[1] && !is_blank(end[1])) end = std::strchr(end + 1, '\'');
    if (end) {
      for (from++; from < end;) *(*to)++ = *from++;
      return end + 1;
    }
  }
  bool quoted = *from == '"';
  for (from += quoted; *from && (quoted || !is_blank(*from)); from++) {
    if (quoted && *from == '"') {
      quoted = false;
      continue;
    }
    if (*from == '\\' && from[1] && std::strchr(quoted ? "\"\\" : " \t'\"\\#", from[1])) from++;
    *(*to)++ = *from;
  }
  return quoted ? nullptr : from;
}

const char* split_line(char* text, Line* line) {
  char* to = text;
  line->count = 0;
  for (const char* from = text;;) {
    while (is_blank(*from)) from++;
    if (*from == 0 || *from == '#') return nullptr;
    if (line->count == kMaxArguments) return "more than 256 words";
    line->arguments[line->count++] = to;
    from = take_word(from, &to);
    if (!from) return "no closing quotation, expected quotes in pairs";
    const bool more = *from != 0;
    if (more) from++;
    *to++ = 0; /* never past `from`: at least one character was a separator or the end */
    if (!more) return nullptr;
  }
}

static int32_t find_word(const Line& line, uint32_t* used) {
  for (uint32_t i = 0; i < kWordCount; i++) {
    const char* name = kWords[i].name;
    const char* space = std::strchr(name, ' ');
    if (!space) {
      if (std::strcmp(line.arguments[0], name) == 0) return *used = 1, static_cast<int32_t>(i);
    } else if (line.count >= 2 && std::strncmp(line.arguments[0], name, space - name) == 0 &&
               line.arguments[0][space - name] == 0 && std::strcmp(line.arguments[1], space + 1) == 0) {
      return *used = 2, static_cast<int32_t>(i);
    }
  }
  return -1;
}

/* Joins arguments[first..count) by single spaces, in place: they lie one behind the other. */
static void join(char** arguments, uint32_t first, uint32_t count) {
  char* to = arguments[first] + std::strlen(arguments[first]);
  for (uint32_t i = first + 1; i < count; i++) {
    const uint32_t length = std::strlen(arguments[i]);
    *to++ = ' ';
    std::memmove(to, arguments[i], length + 1);
    to += length;
  }
}

/* The bit of a word's flag, or 0. */
static uint32_t find_option(const Word& word, const char* text) {
  for (uint32_t i = 0; i < 3 && word.options[i]; i++)
    if (std::strcmp(text, word.options[i]) == 0) return 1u << i;
  return 0;
}

bool parse_call(Line* line, Call* call, char* error, uint32_t capacity) {
  *call = Call{-1, {nullptr, nullptr}, 0, 0};
  if (line->count == 0) return true;
  uint32_t used = 0;
  const int32_t index = find_word(*line, &used);
  if (index < 0) {
    compose(error, capacity, {"'", line->arguments[0], "' is not a word; `help` lists them"});
    return false;
  }
  const Word& word = kWords[index];
  static char* arguments[kMaxArguments];
  uint32_t count = 0;
  for (uint32_t i = used; i < line->count; i++) {
    const uint32_t option = find_option(word, line->arguments[i]);
    if (option) {
      call->options |= option;
    } else if (std::strncmp(line->arguments[i], "--", 2) == 0) {
      compose(error, capacity,
              {word.name, ": unknown option ", line->arguments[i], ", expected: ", word.usage});
      return false;
    } else {
      arguments[count++] = line->arguments[i];
    }
  }
  if (word.free_text && count > word.most) {
    join(arguments, word.most - 1, count);
    count = word.most;
  }
  if (count < word.needed || count > word.most) {
    compose(error, capacity, {word.name, ": other arguments expected: ", word.usage});
    return false;
  }
  call->word = index;
  call->count = count;
  for (uint32_t i = 0; i < count; i++) call->arguments[i] = arguments[i];
  return true;
}

bool parse_number(const char* text, uint32_t most, uint32_t* value) {
  uint64_t number = 0;
  if (!*text) return false;
  for (; *text; text++) {
    if (*text < '0' || *text > '9') return false;
    number = number * 10 + static_cast<uint32_t>(*text - '0');
    if (number > most) return false;
  }
  *value = static_cast<uint32_t>(number);
  return true;
}

}  // namespace bitmar
