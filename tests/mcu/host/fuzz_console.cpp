/** Seeded lines through the console's parser and picture decoder, each in a buffer of its exact size: for
 * sanitizers.
 *
 *    fuzz_console SEED COUNT        prints how many lines parsed, how many pictures were taken */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>

#include "board.h"
#include "json.h"
#include "output.h"
#include "parse.h"
#include "picture.h"

static unsigned long written;
extern "C" void board_write(const char* text, uint32_t bytes) {
  for (uint32_t i = 0; i < bytes; i++) written += static_cast<unsigned char>(text[i]);
}

static std::mt19937 random_bits;
static uint32_t below(uint32_t n) { return static_cast<uint32_t>(random_bits() % n); }

static std::string random_line() {
  static const char* const pieces[] = {"teach",     "ask", "say", "mem", "show", "restore", "help",
                                       "--replace", "--x", "'",   "\"",  "\\",   "\\\"",    " ",
                                       "\t\t",      "#",   "",    "a b", "\xff", "=",       "AAAA"};
  std::string line;
  for (uint32_t n = below(20); n; n--) line += (below(3) ? " " : "") + std::string(pieces[below(21)]);
  if (below(4) == 0) line += std::string(below(300), static_cast<char>(1 + below(255)));
  if (below(4) == 0)
    for (uint32_t i = 0; i < 400; i++) line += " w";
  return line;
}

static std::string random_picture() {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
  std::string text(below(4) ? 1036 : below(1500), 'A');
  for (uint32_t n = below(40); n && !text.empty(); n--)
    text[below(static_cast<uint32_t>(text.size()))] = alphabet[below(65)];
  return text;
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  random_bits.seed(static_cast<unsigned>(std::atoi(argv[1])));
  int parsed = 0, pictures = 0;
  for (int i = 0, count = std::atoi(argv[2]); i < count; i++) {
    const std::string line = random_line(), shown = random_picture();
    char* text = static_cast<char*>(std::malloc(line.size() + 1));
    std::memcpy(text, line.c_str(), line.size() + 1);
    static bitmar::Line words;
    bitmar::Call call;
    char error[32]; /* short on purpose: messages are cut, never overrun */
    if (!bitmar::split_line(text, &words) && bitmar::parse_call(&words, &call, error, sizeof error)) {
      parsed++;
      for (uint32_t a = 0; a < call.count; a++) written += std::strlen(call.arguments[a]);
      bitmar::Json json(true);
      json.begin("fuzz");
      json.text("line", line.c_str(), static_cast<uint32_t>(line.size()));
      json.decimal("number", static_cast<float>(below(1000)) / 7, 3);
      json.end();
    }
    std::free(text);
    char* copy = static_cast<char*>(std::malloc(shown.size() + 1));
    std::memcpy(copy, shown.c_str(), shown.size() + 1);
    engine_picture picture;
    pictures += bitmar::picture_decode(copy, &picture) == nullptr;
    uint8_t* bytes = static_cast<uint8_t*>(std::malloc(388)); /* a row of pixels */
    pictures += bitmar::payload_decode("the row", copy, bytes, 388) == nullptr;
    std::free(bytes);
    std::free(copy);
  }
  std::printf("%d %d %lu\n", parsed, pictures, written);
  return 0;
}
