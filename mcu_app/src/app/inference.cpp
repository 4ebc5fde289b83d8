#include "inference.h"

#include <cstring>

#include "bitmar_kernels.h"
#include "board.h"

namespace bitmar {

static bpe_table tokenizer;
static bool has_tokenizer; /* false: a build for measurements, of a model without a vocabulary */

const char kEngineFailed[] = "the engine failed: the model does not fit this firmware";

void normalise(char* text) { text[bpe_normalise(text, std::strlen(text))] = 0; }

Problem inference_open() {
  const size_t bytes = static_cast<size_t>(bitmar_tokenizer_end - bitmar_tokenizer);
  const int error = bytes ? bpe_open(&tokenizer, bitmar_tokenizer, bytes) : BPE_OK;
  has_tokenizer = bytes && error == BPE_OK;
  return error == BPE_OK ? engine_open() : bpe_error_text(error);
}

int32_t token_ids[kMaxTextBytes + 2]; /* one entry per byte is scratch of the tokenizer */
engine_encoding encoding;
float context[BITMAR_DIM];
float scores[BITMAR_TOP_SLOTS], values[BITMAR_TOP_SLOTS * BITMAR_DIM];
int32_t mask[BITMAR_TOP_SLOTS], slots[BITMAR_TOP_SLOTS];

int32_t tokenize(const char* text, uint32_t bytes, int32_t count) {
  const size_t room = kMaxTextBytes + 2 - static_cast<uint32_t>(count);
  const int32_t added = has_tokenizer ? bpe_encode(&tokenizer, text, bytes, token_ids + count, room) : 0;
  return added < 0 ? added : count + added;
}

Problem encode(int32_t count, const engine_picture* seen) {
  return engine_encode(token_ids, count, seen, &encoding) ? nullptr : kEngineFailed;
}

Problem read_alone(const float* episode) {
  std::memset(scores, 0, sizeof scores);
  std::memset(values, 0, sizeof values);
  std::memset(mask, 0, sizeof mask);
  std::memcpy(values, episode, BITMAR_DIM * sizeof *values);
  mask[0] = 1;
  return engine_recall(scores, values, mask, context) ? nullptr : kEngineFailed;
}

Stream::Stream(const float* latent) {
  static const float none[BITMAR_LATENT] = {};
  engine_start(context, latent ? latent : none);
}

Problem Stream::next(int32_t* token, char* bytes, uint32_t* length) {
  static int32_t ids[BITMAR_TOP_TOKENS];
  static float logits[BITMAR_TOP_TOKENS];
  if (!engine_step(token_, ids, logits)) return kEngineFailed;
  board_watchdog_feed();
  *token = token_ = ids[0];
  *length = 0;
  if (token_ == BITMAR_EOS || !has_tokenizer) return nullptr;
  const int32_t found = bpe_decode(&tokenizer, token_, bytes, 255);
  if (found < 0) return bpe_error_text(found);
  *length = static_cast<uint32_t>(found);
  return nullptr;
}

Problem says(const char* name, uint32_t* said, bool* ended, uint32_t* steps) {
  Stream stream(nullptr);
  const uint32_t bytes = std::strlen(name);
  *said = *steps = 0;
  *ended = false;
  while (*steps < BITMAR_TOKENS) {
    int32_t token;
    char piece[255];
    uint32_t length;
    if (Problem problem = stream.next(&token, piece, &length)) return problem;
    *ended = token == BITMAR_EOS;
    token_ids[(*steps)++] = token;
    if (*ended || length > bytes - *said || std::memcmp(name + *said, piece, length) != 0) return nullptr;
    *said += length;
  }
  return nullptr;
}

uint32_t token_bytes(int32_t token) {
  char piece[255];
  const int32_t length = bpe_decode(&tokenizer, token, piece, sizeof piece);
  return length < 0 ? 0 : static_cast<uint32_t>(length);
}

}  // namespace bitmar
