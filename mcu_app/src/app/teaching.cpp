#include "teaching.h"

#include <cstring>

#include "board.h"
#include "output.h"

namespace bitmar {

enum { kMostTries = 12 };

/* A token list, to try none twice. */
struct Tokens {
  uint16_t id[kMaxTextTokens];
  int32_t count;
};
static Tokens tried[kMostTries];
static uint32_t lists;

/* False: this list was tried already. */
static bool remember(int32_t count) {
  for (uint32_t i = 0; i < lists; i++) {
    bool same = tried[i].count == count;
    for (int32_t j = 0; same && j < count; j++) same = tried[i].id[j] == token_ids[j];
    if (same) return false;
  }
  if (lists == kMostTries) return true;
  tried[lists].count = count;
  for (int32_t j = 0; j < count; j++) tried[lists].id[j] = static_cast<uint16_t>(token_ids[j]);
  lists++;
  return true;
}

Problem check_name(const char* name) {
  static char text[160];
  if (const int error = ms_check_name(name)) return ms_strerror(error);
  const int32_t count = tokenize(name, std::strlen(name), 0);
  if (count >= 0 && count <= static_cast<int32_t>(kMaxTextTokens)) {
    return count ? nullptr : "this firmware was built without a tokenizer: it takes no texts";
  }
  char most[12], found[12];
  number_text(kMaxTextTokens, most), number_text(static_cast<uint32_t>(count), found);
  compose(text, sizeof text, {"name '", name, "': ", found, " tokens, expected at most ", most});
  return text;
}

/* One more try: the encoding's episode as the slot would hold it, read back. */
static Problem try_episode(const ms_memory* memory, const char* name, const float* episode,
                           WrittenName* written) {
  static float stored[BITMAR_DIM];
  uint32_t steps = 0;
  std::memcpy(stored, episode, sizeof stored);
  ms_as_stored(memory, stored);
  if (written->tries++ == 0) std::memcpy(written->episode, stored, sizeof stored);
  if (Problem problem = read_alone(stored)) return problem;
  if (Problem problem = says(name, &written->decodes, &steps)) return problem;
  if (written->decodes) std::memcpy(written->episode, stored, sizeof stored);
  return nullptr;
}

/* The byte at which the i-th character begins. */
static uint32_t byte_of(const char* name, uint32_t character) {
  uint32_t at = 0;
  for (; character && name[at]; character--)
    for (at++; (name[at] & 0xC0) == 0x80;) at++;
  return at;
}

static Problem try_cut(const ms_memory* memory, const char* name, uint32_t character, WrittenName* written) {
  const uint32_t at = byte_of(name, character), bytes = std::strlen(name);
  if (name[at] == ' ' || name[at - 1] == ' ') return nullptr;
  int32_t count = tokenize(name, at, 0);
  if (count >= 0) count = tokenize(name + at, bytes - at, count);
  if (count < 0 || count > static_cast<int32_t>(kMaxTextTokens) || !remember(count)) return nullptr;
  if (Problem problem = encode(count, nullptr)) return problem;
  board_watchdog_feed();
  return try_episode(memory, name, encoding.episode, written);
}

Problem write_name(const ms_memory* memory, const char* name, const float* seen, WrittenName* written) {
  const uint32_t bytes = std::strlen(name);
  uint32_t characters = 0;
  for (uint32_t i = 0; i < bytes; i++) characters += (name[i] & 0xC0) != 0x80;
  written->tries = 0;
  written->decodes = false;
  lists = 0;
  const int32_t count = tokenize(name, bytes, 0);
  remember(count);
  if (Problem problem = encode(count, nullptr)) return problem;
  board_watchdog_feed();
  if (Problem problem = try_episode(memory, name, encoding.episode, written)) return problem;
  if (seen && !written->decodes)
    if (Problem problem = try_episode(memory, name, seen, written)) return problem;
  /* cut in two, from the middle outwards, of two places as near the lower one first */
  for (uint32_t apart = characters % 2; apart + 1 < characters; apart += 2) {
    for (uint32_t side = 0; side < (apart ? 2u : 1u); side++) {
      if (written->decodes || written->tries == kMostTries) return nullptr;
      const uint32_t character = side ? (characters + apart) / 2 : (characters - apart) / 2;
      if (Problem problem = try_cut(memory, name, character, written)) return problem;
    }
  }
  return nullptr;
}

}  // namespace bitmar
