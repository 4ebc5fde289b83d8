/* GPT-2's pre-tokenization by hand:
 *   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"). Alternatives are tried in
 * that order at each position, so a contraction counts only where a word starts. */
#include "bpe_internal.h"

static int is_tail(const uint8_t* text, size_t length, size_t at, unsigned low, unsigned high) {
  return at < length && text[at] >= low && text[at] <= high;
}

bpe_class bpe_read_char(const uint8_t* text, size_t length, size_t at, size_t* next) {
  const uint32_t lead = text[at];
  *next = at + 1;
  if (lead < 0x80) return bpe_class_of(lead);
  if (lead >= 0xC2 && lead <= 0xDF) {
    if (!is_tail(text, length, at + 1, 0x80, 0xBF)) return BPE_OTHER;
    *next = at + 2;
    return bpe_class_of((lead & 0x1F) << 6 | (text[at + 1] & 0x3Fu));
  }
  if (lead >= 0xE0 && lead <= 0xEF) { /* E0: not overlong; ED: not a surrogate */
    if (!is_tail(text, length, at + 1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF))
      return BPE_OTHER;
    if (!is_tail(text, length, at + 2, 0x80, 0xBF)) return BPE_OTHER;
    *next = at + 3;
    return bpe_class_of((lead & 0x0F) << 12 | (text[at + 1] & 0x3Fu) << 6 | (text[at + 2] & 0x3Fu));
  }
  if (lead >= 0xF0 && lead <= 0xF4) { /* F0: not overlong; F4: not above U+10FFFF */
    if (!is_tail(text, length, at + 1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF))
      return BPE_OTHER;
    if (!is_tail(text, length, at + 2, 0x80, 0xBF) || !is_tail(text, length, at + 3, 0x80, 0xBF))
      return BPE_OTHER;
    *next = at + 4;
    return bpe_class_of((lead & 0x07) << 18 | (text[at + 1] & 0x3Fu) << 12 | (text[at + 2] & 0x3Fu) << 6 |
                        (text[at + 3] & 0x3Fu));
  }
  return BPE_OTHER;
}

/* Length of 's 't 'm 'd 're 've 'll at text[at], or 0. */
static size_t contraction(const uint8_t* text, size_t length, size_t at) {
  if (text[at] != '\'' || at + 1 >= length) return 0;
  const uint8_t first = text[at + 1], second = at + 2 < length ? text[at + 2] : 0;
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if (first == 'r' || first == 'v') return second == 'e' ? 3 : 0;
  return first == 'l' && second == 'l' ? 3 : 0;
}

size_t bpe_word_end(const uint8_t* text, size_t length, size_t at, int virtual_space) {
  size_t next = at;
  if (!virtual_space) {
    const size_t short_form = contraction(text, length, at);
    if (short_form != 0) return at + short_form;
  }
  const size_t body = !virtual_space && text[at] == ' ' ? at + 1 : at; /* behind the optional space */
  if (body < length) {
    const bpe_class class_ = bpe_read_char(text, length, body, &next);
    if (class_ != BPE_SPACE) {
      size_t end = next;
      while (end < length && bpe_read_char(text, length, end, &next) == class_) end = next;
      return end;
    }
  }
  /* White space: all of it at the end of the text; otherwise all but the last character, which either joins
   * the next word (a space) or stands alone. */
  size_t end = at, last = at, count = virtual_space ? 1 : 0;
  while (end < length && bpe_read_char(text, length, end, &next) == BPE_SPACE) {
    last = end;
    end = next;
    count++;
  }
  return end < length && count > 1 ? last : end;
}
