/* The one normalization that every text gets, on every machine. */
#include "bpe.h"

static int is_ascii_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

size_t bpe_normalise(char* text, size_t length) {
  size_t to = 0;
  for (size_t from = 0; from < length; from++) {
    if (!is_ascii_space(text[from])) {
      text[to++] = text[from];
    } else if (to > 0 && text[to - 1] != ' ') {
      text[to++] = ' ';
    }
  }
  return to > 0 && text[to - 1] == ' ' ? to - 1 : to;
}
