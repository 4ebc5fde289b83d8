#include "bench.h"

#include <cstring>

#include "bitmar_kernels.h"
#include "board.h"
#include "card.h"
#include "eye.h"
#include "json.h"
#include "measure.h"
#include "output.h"

namespace bitmar {

static engine_picture picture;
static int32_t ids[BITMAR_TOP_TOKENS];
static float logits[BITMAR_TOP_TOKENS];

static uint32_t random_state;
static uint32_t next_random() {
  random_state = random_state * 1664525u + 1013904223u;
  return random_state >> 8;
}

/* The best slots for encoding.query into `context` (zeros if nothing is remembered). */
static Problem look_up() {
  int8_t query[BITMAR_DIM];
  float scale;
  bm_quantise(encoding.query, BITMAR_DIM, query, &scale);
  const int error = ms_recall(memory(), query, scale, BITMAR_TOP_SLOTS, scores, values, mask, slots);
  return error != MS_OK && slots[0] < 0 ? ms_strerror(error) : nullptr;
}

static Problem read_out() {
  const bool done = engine_recall(scores, values, mask, context);
  if (slots[0] < 0) std::memset(context, 0, sizeof context);
  return done ? nullptr : kEngineFailed;
}

Problem bench(uint32_t tokens, bool as_json) {
  random_state = 7;
  for (int8_t& q : picture.q) q = static_cast<int8_t>(static_cast<int32_t>(next_random() % 255) - 127);
  picture.scale = 0.02f;
  Measure measure(memory());
  const uint32_t begin = board_count();
  if (Problem problem = encode(0, &picture)) return problem;
  const uint32_t encoded = board_count();
  board_watchdog_feed();
  if (Problem problem = look_up()) return problem;
  const uint32_t looked_up = board_count();
  if (Problem problem = read_out()) return problem;
  const uint32_t recalled = board_count();
  const uint32_t before_start = board_count();
  engine_start(context, encoding.latent);
  const uint32_t start = board_count() - before_start;
  measure.decode_begin();
  uint32_t most = 0;
  int32_t token = BITMAR_BOS;
  for (uint32_t i = 0; i < tokens; i++) {
    const uint32_t before = board_count();
    if (!engine_step(token, ids, logits)) return kEngineFailed;
    const uint32_t cost = board_count() - before;
    most = cost > most ? cost : most;
    token = ids[0];
    board_watchdog_feed();
  }
  measure.decode_end(tokens);
  measure.end();
  Json json(as_json);
  json.begin("bench");
  json.text("model", BITMAR_MODEL_NAME);
  json.text("board", board_name());
  json.text("engine", engine_name());
  json.text("isa", bm_isa());
  json.text("unit", board_unit());
  json.number("encode", encoded - begin);
  json.number("memory", looked_up - encoded);
  json.number("recall", recalled - looked_up);
  json.number("start", start);
  json.number("per_token", measure.per_token());
  json.number("most_per_token", most);
  json.number("slots", memory_slots());
  json.number("stack_used", board_stack_used());
  json.number("stack_size", board_stack_size());
  json.number("arena", engine_arena_bytes());
  json.number("memory_bytes", memory_bytes());
  json.number("hot_bytes", memory_hot_bytes());
  json.number("card_bytes", card_bytes());
  if (!as_json) {
    const struct {
      const char* name;
      uint32_t value;
    } rows[] = {{"encode   ", encoded - begin},      {"memory   ", looked_up - encoded},
                {"read-out ", recalled - looked_up}, {"start    ", start},
                {"token    ", measure.per_token()},  {"slowest  ", most}};
    put(BITMAR_MODEL_NAME " on "), put(board_name()), put(", engine "), put(engine_name()), put(", kernels "),
        put(bm_isa());
    for (const auto& row : rows) put("\n"), put(row.name), put_number(row.value), put(" "), put(board_unit());
    put("\nstack    "), put_number(board_stack_used()), put(" of "), put_number(board_stack_size()),
        put(" bytes\narena    ");
    put_number(engine_arena_bytes()), put(" bytes");
  }
  finish(&json, &measure);
  return nullptr;
}

Problem digest(const char* picture_text, bool as_json) {
  if (Problem problem = see(picture_text, &picture)) return problem;
  if (Problem problem = encode(0, &picture)) return problem;
  uint32_t crc = bm_crc32(0, encoding.episode, sizeof encoding.episode);
  crc = bm_crc32(crc, encoding.key, sizeof encoding.key);
  crc = bm_crc32(crc, encoding.query, sizeof encoding.query);
  crc = bm_crc32(crc, encoding.latent, sizeof encoding.latent);
  board_watchdog_feed();
  if (Problem problem = look_up()) return problem;
  if (Problem problem = read_out()) return problem;
  crc = bm_crc32(crc, context, sizeof context);
  engine_start(context, encoding.latent);
  for (uint32_t i = 0; i < 8; i++) {
    const int32_t forced = i ? static_cast<int32_t>((i * 37 + 11) % BITMAR_VOCABULARY) : BITMAR_BOS;
    if (!engine_step(forced, ids, logits)) return kEngineFailed;
    crc = bm_crc32(crc, ids, sizeof ids);
    crc = bm_crc32(crc, logits, sizeof logits);
    board_watchdog_feed();
  }
  char text[9];
  for (int i = 7; i >= 0; i--, crc >>= 4) text[i] = "0123456789abcdef"[crc & 15];
  text[8] = 0;
  Json json(as_json);
  json.begin("digest");
  json.text("model", BITMAR_MODEL_DIGEST);
  json.text("digest", text);
  json.end();
  if (!as_json) put(text), put("\n");
  return nullptr;
}

}  // namespace bitmar
