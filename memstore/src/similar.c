/* The slot whose name is most like a text. */
#include "memory.h"

/* One character of a text and what follows it; a byte that belongs to none is one of its own. */
static const char* next(const char* text, uint32_t* code) {
  const uint8_t* p = (const uint8_t*)text;
  uint32_t length = p[0] < 0xc2 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 1;
  uint32_t value = length == 1 ? p[0] : p[0] & (0xffu >> (length + 1));
  for (uint32_t i = 1; i < length; i++) {
    if ((p[i] & 0xc0) != 0x80) {
      *code = p[0];
      return text + 1;
    }
    value = value << 6 | (p[i] & 0x3fu);
  }
  *code = value;
  return text + length;
}

/* Simple case folding of Latin, Greek and Cyrillic letters (Unicode's CaseFolding.txt, status C, up to
 * U+04FF: what has capitals and is written on many keyboards; a whole table is larger than this library). */
static uint32_t fold(uint32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  if (c >= 0xc0 && c <= 0xde) return c == 0xd7 ? c : c + 32;
  if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e)) return c + (c & 1);
  if (c == 0x178) return 0xff;
  if (c >= 0x100 && c <= 0x177 && c != 0x130 && c != 0x131 && c != 0x138 && c != 0x149) return c | 1;
  if (c == 0x386) return 0x3ac;
  if (c >= 0x388 && c <= 0x38a) return c + 37;
  if (c == 0x38c) return 0x3cc;
  if (c == 0x38e || c == 0x38f) return c + 63;
  if (c >= 0x391 && c <= 0x3ab && c != 0x3a2) return c + 32;
  if (c == 0x3c2) return 0x3c3;
  if (c >= 0x400 && c <= 0x40f) return c + 80;
  if (c >= 0x410 && c <= 0x42f) return c + 32;
  if ((c >= 0x460 && c <= 0x481) || (c >= 0x48a && c <= 0x4bf) || (c >= 0x4d0 && c <= 0x4ff)) return c | 1;
  return c;
}

/* Levenshtein's distance (1966) in folded characters; *longer: characters of the longer text. */
static uint32_t distance(const char* text, const char* name, uint32_t* longer) {
  uint32_t letters[MS_NAME_BYTES], row[MS_NAME_BYTES], n = 0, read = 0, code;
  while (*name && n + 1 < MS_NAME_BYTES) {
    name = next(name, &code);
    row[n] = n + 1;
    letters[n++] = fold(code);
  }
  uint32_t result = n;
  while (*text) { /* row[j]: distance of what was read and the first j + 1 letters */
    text = next(text, &code);
    code = fold(code);
    uint32_t diagonal = read++, left = read;
    for (uint32_t j = 0; j < n; j++) {
      uint32_t least = diagonal + (letters[j] != code);
      if (row[j] + 1 < least) least = row[j] + 1;
      if (left + 1 < least) least = left + 1;
      diagonal = row[j];
      row[j] = left = least;
    }
    result = n ? row[n - 1] : read;
  }
  *longer = read > n ? read : n;
  return result;
}

int32_t ms_find_similar(const ms_memory* m, const char* text) {
  if (!m || !text) return MS_E_ARGUMENT;
  int32_t best = ms_find(m, text, 0);
  if (best >= 0) return best;
  uint32_t best_edits = 0, best_length = 0;
  for (uint32_t i = 0; i < m->config.slots; i++) {
    if (!ms_occupied(m, i)) continue;
    uint32_t length, edits = distance(text, ms_name(m, i), &length);
    if ((uint64_t)edits * 100 > (uint64_t)length * MS_MOST_EDITS) continue;
    if (best >= 0 && (uint64_t)edits * best_length >= (uint64_t)best_edits * length) continue;
    best = (int32_t)i, best_edits = edits, best_length = length;
  }
  return best;
}
