#include "name_layers.h"

#include <cstring>

#include "board.h"

namespace bitmar {

static const float kLayer = 1.0f / 16; /* a power of two: exact, with or without fused multiply-add */

/* The episode of `count` of token_ids as a slot would hold it, to encoding.episode. */
static Problem encode_layer(const ms_memory* memory, int32_t count) {
  if (Problem problem = encode(count, nullptr)) return problem;
  ms_as_stored(memory, encoding.episode);
  board_watchdog_feed();
  return nullptr;
}

Problem superpose(const ms_memory* memory, const char* name, const Form& form, float* episode) {
  float size = 1;
  std::memset(episode, 0, BITMAR_DIM * sizeof *episode);
  for (uint32_t layer = 0; layer < form.layers; layer++, size *= kLayer) {
    int32_t count;
    tokenize_layer(name, form, layer, &count);
    if (Problem problem = encode_layer(memory, count)) return problem;
    for (uint32_t i = 0; i < BITMAR_DIM; i++) episode[i] += encoding.episode[i] * size;
  }
  ms_as_stored(memory, episode);
  return nullptr;
}

Problem read_name(const ms_memory* memory, const float* episode, const char* name, Heard* heard,
                  Measure* measure) {
  static float rest[BITMAR_DIM];
  const uint32_t bytes = std::strlen(name);
  std::memcpy(rest, episode, sizeof rest);
  *heard = {};
  for (uint32_t layer = 0; layer < kMostLayers; layer++) {
    uint32_t said, steps;
    bool ended;
    if (Problem problem = read_alone(rest)) return problem;
    if (measure) measure->decode_begin();
    if (Problem problem = says(name + heard->right, &said, &ended, &steps)) return problem;
    if (measure) measure->decode_end(steps);
    heard->right += said;
    heard->whole = ended && said && heard->right == bytes;
    if (heard->whole || !ended || !said) return nullptr;
    if (Problem problem = encode_layer(memory, static_cast<int32_t>(steps) - 1)) return problem;
    for (uint32_t i = 0; i < BITMAR_DIM; i++) rest[i] = (rest[i] - encoding.episode[i]) / kLayer;
  }
  return nullptr;
}

}  // namespace bitmar
