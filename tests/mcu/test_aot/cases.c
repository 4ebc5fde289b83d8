/** The generated plan behind engine.h: pictures, texts, recall, and a stream three windows long. */
#include "../cases.h"

#include <string.h>

#include "engine.h"

static uint32_t state;

static void random_picture(engine_picture* picture) {
  for (int i = 0; i < BITMAR_VISION; i++)
    picture->q[i] = (int8_t)((int32_t)(case_random(&state) % 255) - 127);
  picture->scale = 0.01f + (float)(case_random(&state) % 100) / 2000.0f;
}

static uint32_t encodings(void) {
  uint32_t hash = CASES_SEED;
  engine_picture picture;
  engine_encoding encoding;
  const int32_t tokens[5] = {5, 17, 200, 3, 42};
  state = 20260101u;
  for (int i = 0; i < 3; i++) {
    random_picture(&picture);
    if (!engine_encode(tokens, i ? 5 : 0, i < 2 ? &picture : NULL, &encoding)) return 0;
    hash = case_hash(hash, &encoding, sizeof encoding);
  }
  return hash;
}

static uint32_t refusals(void) {
  engine_encoding encoding;
  int32_t tokens[BITMAR_TOKENS] = {0};
  if (engine_encode(tokens, BITMAR_TOKENS, NULL, &encoding)) return 0; /* too many */
  tokens[0] = 1 << 30;
  if (engine_encode(tokens, 1, NULL, &encoding)) return 0; /* no such id */
  tokens[0] = -1;
  return engine_encode(tokens, 1, NULL, &encoding) ? 0 : 1;
}

static uint32_t recalls(void) {
  float scores[BITMAR_TOP_SLOTS], slots[BITMAR_TOP_SLOTS * BITMAR_DIM], context[BITMAR_DIM];
  int32_t mask[BITMAR_TOP_SLOTS];
  uint32_t hash = CASES_SEED;
  state = 7u;
  for (int filled = 0; filled <= BITMAR_TOP_SLOTS; filled++) {
    for (int i = 0; i < BITMAR_TOP_SLOTS; i++) scores[i] = 1.0f - 0.01f * (float)i, mask[i] = i < filled;
    for (int i = 0; i < BITMAR_TOP_SLOTS * BITMAR_DIM; i++)
      slots[i] = (float)(case_random(&state) % 2001) / 1000.0f - 1.0f;
    if (!engine_recall(scores, slots, mask, context)) return 0;
    hash = case_hash(hash, context, sizeof context);
  }
  return hash;
}

static uint32_t stream(void) {
  static float context[BITMAR_DIM];
  static engine_picture picture;
  static engine_encoding encoding;
  int32_t ids[BITMAR_TOP_TOKENS], token = BITMAR_BOS;
  float logits[BITMAR_TOP_TOKENS];
  uint32_t hash = CASES_SEED;
  state = 99u;
  random_picture(&picture);
  if (!engine_encode(NULL, 0, &picture, &encoding)) return 0;
  for (int i = 0; i < BITMAR_DIM; i++) context[i] = (float)(i % 7) / 7.0f - 0.5f;
  for (int again = 0; again < 2; again++) { /* a new stream remembers nothing of the one before */
    const uint32_t before = hash;
    engine_start(context, encoding.latent);
    token = BITMAR_BOS;
    hash = CASES_SEED;
    for (int i = 0; i < 3 * BITMAR_WINDOW; i++) {
      if (!engine_step(token, ids, logits)) return 0;
      hash = case_hash(case_hash(hash, ids, sizeof ids), logits, sizeof logits);
      token = ids[i % BITMAR_TOP_TOKENS];
    }
    if (again && hash != before) return 0;
  }
  return hash;
}

const mcu_case cases[] = {{"aot_encodings", encodings},
                          {"aot_refusals", refusals},
                          {"aot_recalls", recalls},
                          {"aot_stream", stream}};
const int case_count = 4;
