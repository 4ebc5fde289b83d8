/** The `aot` engine: inputs and outputs are places in the arena of the generated plan (bitmar_model.c). */
#include <string.h>

#include "engine.h"

#define FLOATS(at) ((float*)(bitmar_arena + (at)))
#define INTS(at) ((int32_t*)(bitmar_arena + (at)))

static int32_t position = -1; /* of the stream's next token; -1: there is no stream */

const char* engine_open(void) { return NULL; }

const uint8_t* engine_model_hash(void) {
  static const uint8_t hash[8] = BITMAR_MODEL_HASH;
  return hash;
}

const char* engine_name(void) { return "aot"; }
uint32_t engine_arena_bytes(void) { return sizeof bitmar_arena; }

bool engine_encode(const int32_t* tokens, int32_t count, const engine_picture* picture,
                   engine_encoding* encoding) {
  if (count < 0 || count > BITMAR_TOKENS - 1) return false;
  for (int32_t i = 0; i < BITMAR_TOKENS; i++) {
    INTS(BITMAR_ENCODER_TOKENS_AT)[i] = i < count ? tokens[i] : BITMAR_PAD;
    INTS(BITMAR_ENCODER_MASK_AT)[i] = i < count;
  }
  for (int32_t i = 0; i < BITMAR_VISION; i++)
    FLOATS(BITMAR_ENCODER_VISION_AT)[i] = picture ? (float)picture->q[i] * picture->scale : 0.0f;
  if (bitmar_encoder() != BM_OK) return false;
  memcpy(encoding->episode, FLOATS(BITMAR_ENCODER_EPISODE_AT), sizeof encoding->episode);
  memcpy(encoding->key, FLOATS(BITMAR_ENCODER_KEY_AT), sizeof encoding->key);
  memcpy(encoding->query, FLOATS(BITMAR_ENCODER_QUERY_AT), sizeof encoding->query);
  memcpy(encoding->latent, FLOATS(BITMAR_ENCODER_LATENT_AT), sizeof encoding->latent);
  return true;
}

bool engine_recall(const float* scores, const float* slots, const int32_t* mask, float* context) {
  memcpy(FLOATS(BITMAR_RECALL_SCORES_AT), scores, BITMAR_TOP_SLOTS * sizeof *scores);
  memcpy(FLOATS(BITMAR_RECALL_SLOTS_AT), slots, BITMAR_TOP_SLOTS * BITMAR_DIM * sizeof *slots);
  memcpy(INTS(BITMAR_RECALL_MASK_AT), mask, BITMAR_TOP_SLOTS * sizeof *mask);
  if (bitmar_recall() != BM_OK) return false;
  memcpy(context, FLOATS(BITMAR_RECALL_CONTEXT_AT), BITMAR_DIM * sizeof *context);
  return true;
}

void engine_start(const float* context, const float* latent) {
  /* the caches stay as they are: a step attends to the slots that its own stream has written */
  memcpy(FLOATS(BITMAR_DECODER_CONTEXT_AT), context, BITMAR_DIM * sizeof *context);
  memcpy(FLOATS(BITMAR_DECODER_LATENT_AT), latent, BITMAR_LATENT * sizeof *latent);
  position = bitmar_decoder_start() == BM_OK ? 0 : -1;
}

bool engine_step(int32_t token, int32_t* ids, float* logits) {
  if (position < 0) return false;
  *INTS(BITMAR_DECODER_TOKEN_AT) = token;
  *INTS(BITMAR_DECODER_POSITION_AT) = position;
  *INTS(BITMAR_DECODER_SLOT_AT) = bm_cache_slot(position, BITMAR_WINDOW, BITMAR_SINKS);
  if (bitmar_decoder() != BM_OK) return false;
  memcpy(ids, INTS(BITMAR_DECODER_IDS_AT), BITMAR_TOP_TOKENS * sizeof *ids);
  memcpy(logits, FLOATS(BITMAR_DECODER_LOGITS_AT), BITMAR_TOP_TOKENS * sizeof *logits);
  position++;
  return true;
}
