/** The model on the board: encode, recall, decode step by step. Two engines implement it and give the same
 * bits: `aot` (generated C, convert/aot) and `tflm` (TensorFlow Lite Micro's interpreter). One engine per
 * firmware; it keeps its state in static memory and is for one thread. The order of calls is the Pi's. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "bitmar_model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A picture in its canonical form: 768 int8 numbers and one scale; the features are q * scale. */
typedef struct {
  int8_t q[BITMAR_VISION];
  float scale;
} engine_picture;

/** What the encoder makes of a text, a picture or both. */
typedef struct {
  float episode[BITMAR_DIM];
  float key[BITMAR_DIM];
  float query[BITMAR_DIM];
  float latent[BITMAR_LATENT];
} engine_encoding;

/** Make the engine ready; NULL, or a sentence on what is wrong with the model. Call once, first. */
const char* engine_open(void);

/** The hash of the model in use (8 bytes): a card belongs to the model that wrote it. After engine_open. */
const uint8_t* engine_model_hash(void);

/** "aot" or "tflm", and the bytes of its arena. */
const char* engine_name(void);
uint32_t engine_arena_bytes(void);

/** `count` ids without special tokens (0: no text; at most BITMAR_TOKENS - 1: the decoder has to write <eos>
 * too), picture NULL: none. False if the count is too large, an id is outside the vocabulary, or the engine
 * fails. Ends a stream. */
bool engine_encode(const int32_t* tokens, int32_t count, const engine_picture* picture,
                   engine_encoding* encoding);

/** scores[k], slots[k * D], mask[k] (k = BITMAR_TOP_SLOTS) -> context[D]. Ends a stream. */
bool engine_recall(const float* scores, const float* slots, const int32_t* mask, float* context);

/** Begin a stream of tokens at position 0; both arrays must stay as they are until it ends. */
void engine_start(const float* context, const float* latent);

/** One token in, the BITMAR_TOP_TOKENS best next ones out, by falling logit. The stream may be longer than
 * the window: the first BITMAR_SINKS tokens stay, the others slide. */
bool engine_step(int32_t token, int32_t* ids, float* logits);

#ifdef __cplusplus
}
#endif
