/** Texts and pictures through the model: tokens, encodings, one slot read alone, greedy tokens. */
#pragma once
#include <cstdint>

#include "bpe.h"
#include "engine.h"

namespace bitmar {

/** What a word came to: nullptr, or a sentence for the user. Nothing was changed where it is not nullptr. */
using Problem = const char*;

enum : uint32_t { kMaxTextBytes = 255, kMaxTextTokens = BITMAR_TOKENS - 1 };

extern const char kEngineFailed[]; /**< "the engine failed: ..." */

/** A text as the model and the memory see it, in place: white space stripped, one space where there were
 * several. */
void normalise(char* text);

/** Opens tokenizer and engine; nullptr, or what is wrong with them. */
Problem inference_open();

/* What a word works on; one word at a time. */
extern int32_t token_ids[kMaxTextBytes + 2]; /**< the tokens of the last text */
extern engine_encoding encoding;             /**< the last encoding */
extern float context[BITMAR_DIM];            /**< the last read-out */
extern float scores[BITMAR_TOP_SLOTS], values[BITMAR_TOP_SLOTS * BITMAR_DIM]; /**< what it was read from */
extern int32_t mask[BITMAR_TOP_SLOTS], slots[BITMAR_TOP_SLOTS];

/** Ids of `bytes` of a text behind the `count` that are in `token_ids`; the new count, < 0: no room. */
int32_t tokenize(const char* text, uint32_t bytes, int32_t count);

/** `count` of token_ids (0: no text) and a picture (nullptr: none) to `encoding`. */
Problem encode(int32_t count, const engine_picture* seen);

/** One slot read alone, its weight is 1, to `context`. */
Problem read_alone(const float* episode);

/** Greedy tokens from <bos>, of `context` and `latent` (nullptr: of no picture), which stay until the end. */
class Stream {
 public:
  explicit Stream(const float* latent);
  /** The next token and its bytes (at most 255, `length` of them); `token` is BITMAR_EOS at the end. */
  Problem next(int32_t* token, char* bytes, uint32_t* length);

 private:
  int32_t token_ = BITMAR_BOS;
};

/** How many bytes of a name's beginning the decoder says of `context`: it stops at the first token that says
 * something else, or at <eos> (`ended`). The tokens before stand in token_ids; `steps`: they and the last
 * one. */
Problem says(const char* name, uint32_t* said, bool* ended, uint32_t* steps);

/** How many bytes a token stands for. */
uint32_t token_bytes(int32_t token);

}  // namespace bitmar
