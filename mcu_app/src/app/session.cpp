#include "session.h"

#include <cstring>

#include "bitmar_kernels.h"
#include "board.h"
#include "bpe.h"
#include "card.h"
#include "engine.h"
#include "json.h"
#include "measure.h"
#include "output.h"
#include "picture.h"
#include "text.h"

namespace bitmar {

enum { kMaxTextBytes = 255, kMaxTextTokens = BITMAR_TOKENS - 1 };

static bpe_table tokenizer;
static bool has_tokenizer; /* false: a build for measurements, of a model without a vocabulary */
static engine_picture picture;
static engine_encoding encoding;
static float context[BITMAR_DIM];
static float scores[BITMAR_TOP_SLOTS], values[BITMAR_TOP_SLOTS * BITMAR_DIM];
static int32_t mask[BITMAR_TOP_SLOTS], slots[BITMAR_TOP_SLOTS];
static int32_t ids[BITMAR_TOP_TOKENS];
static float logits[BITMAR_TOP_TOKENS];

static const char kEngineFailed[] = "the engine failed: the model does not fit this firmware";

Problem session_open() {
  const size_t bytes = static_cast<size_t>(bitmar_tokenizer_end - bitmar_tokenizer);
  const int error = bytes ? bpe_open(&tokenizer, bitmar_tokenizer, bytes) : BPE_OK;
  has_tokenizer = bytes && error == BPE_OK;
  return error == BPE_OK ? engine_open() : bpe_error_text(error);
}

/* -- the steps of an answer */

/* Ids of a text that is already normalised; < 0: too long. One entry per byte is scratch of the tokenizer. */
static int32_t tokenize(const char* text, const int32_t** tokens) {
  static int32_t buffer[kMaxTextBytes + 2];
  *tokens = buffer;
  const int32_t count =
      bpe_encode(&tokenizer, text, std::strlen(text), buffer, sizeof buffer / sizeof *buffer);
  return count > kMaxTextTokens ? -1 : count;
}

static Problem encode(const char* text, const engine_picture* seen) {
  const int32_t* tokens = nullptr;
  if (*text && !has_tokenizer) return "this firmware was built without a tokenizer: it takes no texts";
  const int32_t count = *text ? tokenize(text, &tokens) : 0;
  if (count < 0) return "the text is too long for the model";
  return engine_encode(tokens, count, seen, &encoding) ? nullptr : kEngineFailed;
}

/* The best slots for encoding.query into `context` (zeros if nothing is remembered). */
static Problem recall() {
  int8_t query[BITMAR_DIM];
  float scale;
  bm_quantise(encoding.query, BITMAR_DIM, query, &scale);
  const int error = ms_recall(memory(), query, scale, BITMAR_TOP_SLOTS, scores, values, mask, slots);
  if (error != MS_OK && slots[0] < 0) return ms_strerror(error);
  std::memset(context, 0, sizeof context);
  if (slots[0] < 0) return nullptr;
  return engine_recall(scores, values, mask, context) ? nullptr : kEngineFailed;
}

/* Greedy tokens until <eos>; streams them to the console in text mode, collects them for JSON. */
struct Answer {
  char text[512];
  uint32_t length;
};
static Answer answer;

static Problem decode(bool json, Measure* measure) {
  TextStream shown; /* a token may end inside a character */
  answer.length = 0;
  engine_start(context, encoding.latent);
  measure->decode_begin();
  int32_t token = BITMAR_BOS;
  for (uint32_t count = 0; count <= BITMAR_TOKENS; count++) {
    if (!engine_step(token, ids, logits)) return kEngineFailed;
    board_watchdog_feed();
    token = ids[0];
    if (count < BITMAR_TOKENS || token == BITMAR_EOS) measure->tokens = count + 1;
    if (token == BITMAR_EOS || count == BITMAR_TOKENS) break;
    char bytes[256];
    const int32_t length = has_tokenizer ? bpe_decode(&tokenizer, token, bytes, sizeof bytes) : 0;
    if (length < 0) return bpe_error_text(length);
    if (!json) shown.write(bytes, static_cast<uint32_t>(length));
    for (int32_t i = 0; i < length && answer.length < sizeof answer.text; i++)
      answer.text[answer.length++] = bytes[i];
  }
  shown.end();
  measure->decode_end();
  return nullptr;
}

static void finish(Json* json, const Measure& measure) {
  const char* problem = card_problem();
  if (json->on()) {
    json->text("card", problem ? problem : "ok");
    measure.write(json);
    json->end();
  } else {
    if (problem) put("  (not saved: "), put(problem), put(")");
    put("\n");
    measure.write_text();
  }
}

/* The answer with the slot that scored best: its stored name beside what was decoded. */
static void write_recalled(const char* word, bool as_json, const Measure& measure) {
  Json json(as_json);
  json.begin(word);
  json.text("text", answer.text, answer.length);
  if (slots[0] < 0) {
    json.null("slot");
    json.null("name");
    if (!as_json) put(" (the memory is empty)");
  } else {
    ms_info info;
    ms_slot_info(memory(), static_cast<uint32_t>(slots[0]), &info);
    json.number("slot", static_cast<uint32_t>(slots[0]));
    json.text("name", info.name);
    json.decimal("score", scores[0], 4);
    json.boolean("saved", info.saved);
    if (!as_json) {
      put(" (slot "), put_number(static_cast<uint32_t>(slots[0])), put(": "), put_text(info.name),
          put(", score ");
      put_decimal(scores[0], 3);
      if (!info.saved) put(", not saved");
      put(")");
    }
  }
  finish(&json, measure);
}

/* -- the words */

Problem teach(const char* picture_text, char* name, bool replace, bool as_json) {
  name[bpe_normalise(name, std::strlen(name))] = 0;
  if (const int error = ms_check_name(name)) return ms_strerror(error);
  if (Problem problem = picture_decode(picture_text, &picture)) return problem;
  Measure measure(memory());
  if (Problem problem = encode(name, &picture)) return problem;
  board_watchdog_feed();
  ms_teach_result result;
  ms_set_time(memory(), board_time());
  const int error =
      ms_teach(memory(), name, encoding.episode, encoding.key, 1.0f, replace ? MS_REPLACE : 0, &result);
  if (error != MS_OK) return ms_strerror(error);
  measure.end();
  static const char* const actions[] = {"new", "merged", "replaced", "evicted"};
  Json json(as_json);
  json.begin("teach");
  json.text("name", name);
  json.number("slot", result.slot);
  json.text("action", actions[result.action]);
  json.boolean("saved", result.saved);
  json.decimal("cosine", result.cosine, 4);
  json.text("previous", result.previous[0] ? result.previous : nullptr);
  if (!as_json) {
    put_text(name), put(": "), put(actions[result.action]), put(" in slot "), put_number(result.slot);
    if (!result.saved) put(" (not saved)");
    if (result.previous[0]) put(", instead of "), put_text(result.previous);
  }
  finish(&json, measure);
  return nullptr;
}

Problem ask(const char* picture_text, bool as_json) {
  if (Problem problem = picture_decode(picture_text, &picture)) return problem;
  Measure measure(memory());
  if (Problem problem = encode("", &picture)) return problem;
  board_watchdog_feed();
  if (Problem problem = recall()) return problem;
  if (Problem problem = decode(as_json, &measure)) return problem;
  measure.end();
  write_recalled("ask", as_json, measure);
  return nullptr;
}

Problem say(char* text, bool as_json) {
  text[bpe_normalise(text, std::strlen(text))] = 0;
  if (!text[0]) return "say: an empty text, expected some words";
  if (std::strlen(text) > kMaxTextBytes) return "say: more than 255 bytes";
  Measure measure(memory());
  if (Problem problem = encode(text, nullptr)) return problem;
  board_watchdog_feed();
  if (Problem problem = recall()) return problem;
  if (Problem problem = decode(as_json, &measure)) return problem;
  measure.end();
  write_recalled("say", as_json, measure);
  return nullptr;
}

Problem caption(const char* picture_text, bool as_json) {
  if (Problem problem = picture_decode(picture_text, &picture)) return problem;
  Measure measure(memory());
  if (Problem problem = encode("", &picture)) return problem;
  board_watchdog_feed();
  std::memset(context, 0, sizeof context);
  if (Problem problem = decode(as_json, &measure)) return problem;
  measure.end();
  Json json(as_json);
  json.begin("caption");
  json.text("text", answer.text, answer.length);
  finish(&json, measure);
  return nullptr;
}

/* -- measurements */

static uint32_t random_state;
static uint32_t next_random() {
  random_state = random_state * 1664525u + 1013904223u;
  return random_state >> 8;
}

Problem bench(uint32_t tokens, bool as_json) {
  random_state = 7;
  for (int8_t& q : picture.q) q = static_cast<int8_t>(static_cast<int32_t>(next_random() % 255) - 127);
  picture.scale = 0.02f;
  Measure measure(memory());
  const uint32_t begin = board_count();
  if (Problem problem = encode("", &picture)) return problem;
  const uint32_t encoded = board_count();
  board_watchdog_feed();
  int8_t query[BITMAR_DIM];
  float scale;
  bm_quantise(encoding.query, BITMAR_DIM, query, &scale);
  const int error = ms_recall(memory(), query, scale, BITMAR_TOP_SLOTS, scores, values, mask, slots);
  if (error != MS_OK) return ms_strerror(error);
  const uint32_t looked_up = board_count();
  if (!engine_recall(scores, values, mask, context)) return kEngineFailed;
  const uint32_t recalled = board_count();
  if (slots[0] < 0) std::memset(context, 0, sizeof context);
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
  measure.tokens = tokens;
  measure.decode_end();
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
  finish(&json, measure);
  return nullptr;
}

Problem digest(const char* picture_text, bool as_json) {
  if (Problem problem = picture_decode(picture_text, &picture)) return problem;
  if (Problem problem = encode("", &picture)) return problem;
  uint32_t crc = bm_crc32(0, encoding.episode, sizeof encoding.episode);
  crc = bm_crc32(crc, encoding.key, sizeof encoding.key);
  crc = bm_crc32(crc, encoding.query, sizeof encoding.query);
  crc = bm_crc32(crc, encoding.latent, sizeof encoding.latent);
  board_watchdog_feed();
  if (Problem problem = recall()) return problem;
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
