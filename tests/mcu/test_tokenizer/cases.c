/** The tokenizer on 10,000 seeded strings: letters, white space, digits, UTF-8 and bytes that are none. */
#include "../cases.h"

#include <string.h>

#include "bitmar_model.h"
#include "bpe.h"

enum { MOST_BYTES = 48 };

static uint32_t random_text(uint32_t* state, uint8_t* text) {
  static const char common[] = "etaoin shrdlu  '.,-0123 ETA\n\t";
  const uint32_t length = case_random(state) % MOST_BYTES, kind = case_random(state) % 4;
  for (uint32_t i = 0; i < length; i++) {
    const uint32_t random = case_random(state) >> 8;
    if (kind < 2)
      text[i] = (uint8_t)common[random % (sizeof common - 1)];
    else if (kind == 2 && i + 1 < length) /* two-byte UTF-8 */
      text[i] = (uint8_t)(0xC3 + random % 0x1C), text[++i] = (uint8_t)(0x80 + (random >> 8) % 0x40);
    else
      text[i] = (uint8_t)random;
  }
  return length;
}

/* Ids, and the round trip: every string of bytes comes back. */
static uint32_t random_strings(void) {
  bpe_table table;
  if (bpe_open(&table, bitmar_tokenizer, (size_t)(bitmar_tokenizer_end - bitmar_tokenizer)) != BPE_OK)
    return 0;
  uint32_t state = 2463534242u, hash = CASES_SEED;
  for (int i = 0; i < 10000; i++) {
    uint8_t text[MOST_BYTES], back[MOST_BYTES + 256];
    int32_t ids[MOST_BYTES + 2];
    const uint32_t length = random_text(&state, text);
    const int32_t count = bpe_encode(&table, text, length, ids, MOST_BYTES + 2);
    if (count < 0) return 0;
    uint32_t at = 0;
    for (int32_t j = 0; j < count; j++) {
      const int32_t bytes = bpe_decode(&table, ids[j], back + at, sizeof back - at);
      if (bytes < 0) return 0;
      at += (uint32_t)bytes;
    }
    const uint32_t prefix = at > length; /* a tokenizer may put a space before the text */
    if (at - prefix != length || memcmp(back + prefix, text, length) != 0) return 0;
    hash = case_hash(hash, ids, (uint32_t)count * sizeof *ids);
  }
  return hash;
}

static uint32_t normalised(void) {
  uint32_t state = 88172645u, hash = CASES_SEED;
  for (int i = 0; i < 1000; i++) {
    uint8_t text[MOST_BYTES];
    const uint32_t length = random_text(&state, text);
    hash = case_hash(hash, text, (uint32_t)bpe_normalise((char*)text, length));
  }
  return hash;
}

const mcu_case cases[] = {{"tokenizer_random_strings", random_strings}, {"tokenizer_normalised", normalised}};
const int case_count = 2;
