/** Texts and pictures through the model: tokens, encodings, one slot read alone, greedy tokens. */
#pragma once
#include <cstdint>

#include "bpe.h"
#include "engine.h"

namespace bitmar {

/** What a word came to: nullptr, or a sentence for the user. Nothing was changed where it is not nullptr. */
using Problem = const char*;

enum : uint32_t { kMaxTextBytes = 255, kMaxTextTokens = BITMAR_TOKENS - 1 };

/** Opens tokenizer and engine; nullptr, or what is wrong with them. */
Problem inference_open();

/** The tokens of the last text. */
extern int32_t token_ids[kMaxTextBytes + 2];

/** Ids of `bytes` of a text behind the `count` that are in `token_ids`; the new count, < 0: no room. */
int32_t tokenize(const char* text, uint32_t bytes, int32_t count);

/** Tokens (0: no text) and a picture (nullptr: none). */
Problem encode(const int32_t* tokens, int32_t count, const engine_picture* seen, engine_encoding* encoding);

/** The read-out of one slot read alone: its weight is 1. */
Problem read_alone(const float* episode, float* context);

/** A stream of greedy tokens from <bos>; `context` and `latent` (nullptr: of no picture) stay until it ends.
 */
class Stream {
 public:
  Stream(const float* context, const float* latent);
  /** The next token and its bytes (at most 255, `length` of them); `token` is BITMAR_EOS at the end. */
  Problem next(int32_t* token, char* bytes, uint32_t* length);

 private:
  int32_t token_ = BITMAR_BOS;
};

/** Does the decoder say exactly this name, and then <eos>? It stops at the first byte that differs. `steps`
 * counts. */
Problem says(const float* context, const char* name, bool* yes, uint32_t* steps);

}  // namespace bitmar
