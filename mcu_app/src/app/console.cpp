#include "console.h"

#include <cstring>

#include "bench.h"
#include "board.h"
#include "eye.h"
#include "json.h"
#include "memory_words.h"
#include "output.h"
#include "parse.h"
#include "pixels.h"
#include "session.h"
#include "text.h"

namespace bitmar {

/* `teach` with a picture of 1,036 characters, a name and the flag; longer lines are refused, not cut */
enum { kLineBytes = 1536, kEndOfTransmission = 4, kBackspace = 8, kDelete = 127, kMaxBenchTokens = 100000 };
static char line_buffer[kLineBytes];

enum class Read { kLine, kTooLong, kEnd };

static Read read_line() {
  uint32_t length = 0;
  bool too_long = false;
  for (;;) {
    const uint8_t byte = board_read();
    if (byte == kEndOfTransmission) return Read::kEnd;
    if (byte == '\r') continue;
    if (byte == '\n') break;
    if (byte == kBackspace || byte == kDelete) {
      if (length) length--;
    } else if (length + 1 < kLineBytes) {
      line_buffer[length++] = byte ? static_cast<char>(byte) : ' ';
    } else {
      too_long = true;
    }
  }
  line_buffer[length] = 0;
  return too_long ? Read::kTooLong : Read::kLine;
}

static void show_problem(const char* problem, bool json) {
  if (json) {
    Json answer(true);
    put("{");
    answer.text("error", problem);
    answer.end();
  } else {
    put("error: "), put_text(problem), put("\n");
  }
}

static Problem help(const char* name, bool as_json) {
  if (as_json) put("{\"word\": \"help\", \"words\": [");
  bool first = true;
  for (uint32_t i = 0; i < kWordCount; i++) {
    const uint32_t length = name ? std::strlen(name) : 0;
    if (name && std::strncmp(kWords[i].name, name, length) != 0) continue;
    if (name && kWords[i].name[length] != 0 && kWords[i].name[length] != ' ') continue;
    if (as_json)
      put(first ? "\"" : ", \""), put(kWords[i].usage), put("\"");
    else
      put("  "), put(kWords[i].usage), put("  "), put(kWords[i].summary), put("\n");
    first = false;
  }
  if (as_json) put("]}\n");
  if (!as_json && !name)
    put("PICTURE is a BMP or PPM file of the card, camera, pixels (the rows that came before), or base64 of "
        "768 int8, their float32 scale and a CRC-32, which pipeline.py console sends.\n");
  return !as_json && first ? "help: no such word" : nullptr;
}

static Problem bench_word(const char* tokens, bool json) {
  uint32_t count = 64;
  if (tokens && (!parse_number(tokens, kMaxBenchTokens, &count) || !count))
    return "bench: expected a number of tokens from 1 to 100000";
  return bench(count, json);
}

static Problem provoke(const char* what) {
  board_provoke(what);
  return "provoke: expected null, stack, model or hang";
}

static Problem execute(const Call& call, bool json) {
  char* const* a = call.arguments;
  const char* word = kWords[call.word].name;
  const auto is = [word](const char* name) { return std::strcmp(word, name) == 0; };
  if (is("teach")) return teach(a[0], a[1], call.options, json);
  if (is("ask")) return ask(a[0], json);
  if (is("right")) return right(json);
  if (is("wrong")) return wrong(a[0], json);
  if (is("caption")) return caption(a[0], json);
  if (is("say")) return say(a[0], json);
  if (is("forget")) return forget(a[0], json);
  if (is("rename")) return rename(a[0], a[1], json);
  if (is("mem show")) return mem_show(json);
  if (is("mem verify")) return mem_verify(json);
  if (is("mem prune")) return mem_prune(a[0], json);
  if (is("mem history")) return mem_history(json);
  if (is("mem undo")) return mem_undo(a[0], json);
  if (is("mem restore")) return mem_restore(a[0], json);
  if (is("mem diff")) return mem_diff(a[0], a[1], json);
  if (is("bench")) return bench_word(a[0], json);
  if (is("pixels")) return eye_input() ? pixels(eye_input(), a[0], a[1], json) : kBlind;
  if (is("digest")) return digest(a[0], json);
  if (is("provoke")) return provoke(a[0]);
  return help(a[0], json);
}

/* One line; false after `quit`. */
static bool answer_line(char* text) {
  const bool json = text[0] == '!';
  static char error[256];
  static Line line;
  Call call;
  Problem problem = split_line(text + json, &line);
  if (!problem && !parse_call(&line, &call, error, sizeof error)) problem = error;
  if (!problem && call.word >= 0) {
    if (std::strcmp(kWords[call.word].name, "quit") == 0) return false;
    board_watchdog_start();
    board_count_start();
    problem = execute(call, json);
    if (std::strcmp(kWords[call.word].name, "pixels") != 0) forget_pixels();
    board_count_stop();
    board_watchdog_stop();
  }
  if (problem) show_problem(problem, json);
  return true;
}

int console_run() {
  forget_pixels();
  for (;;) {
    put("bitmar> ");
    const Read read = read_line();
    if (read == Read::kEnd) return 0;
    if (read == Read::kTooLong)
      show_problem("the line is longer than 1535 bytes", line_buffer[0] == '!');
    else if (!answer_line(line_buffer))
      return 0;
  }
}

}  // namespace bitmar
