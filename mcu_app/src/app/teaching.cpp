#include "teaching.h"

#include <cstring>

#include "board.h"
#include "name_layers.h"
#include "output.h"

namespace bitmar {

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

Problem write_name(const ms_memory* memory, const char* name, const float* seen, WrittenName* written) {
  static float episode[BITMAR_DIM];
  static FormSearch search(name);
  search = FormSearch(name);
  Form form;
  Heard heard = {};
  written->tries = 0;
  while (!heard.whole && written->tries < kMostTries && search.next(&form)) {
    if (Problem problem = superpose(memory, name, form, episode)) return problem;
    if (written->tries++ == 0) std::memcpy(written->episode, episode, sizeof episode);
    if (Problem problem = read_name(memory, episode, name, &heard, nullptr)) return problem;
    if (heard.whole) break;
    search.was_misread(form, heard.right);
    if (written->tries > 1 || !seen) continue;
    std::memcpy(episode, seen, sizeof episode);
    ms_as_stored(memory, episode);
    written->tries++;
    if (Problem problem = read_name(memory, episode, name, &heard, nullptr)) return problem;
  }
  written->decodes = heard.whole;
  if (heard.whole) std::memcpy(written->episode, episode, sizeof episode);
  return nullptr;
}

}  // namespace bitmar
