#include "card.h"

#include <cstring>

#include "bitmar_model.h"
#include "board.h"
#include "engine.h"
#include "output.h"
#include "text.h"

#ifndef BITMAR_MOST_SLOTS
#define BITMAR_MOST_SLOTS 32 /* a card may have more slots than the model asks for; for more, build anew */
#endif

namespace bitmar {

constexpr uint32_t kSlots = BITMAR_SLOTS > BITMAR_MOST_SLOTS ? BITMAR_SLOTS : BITMAR_MOST_SLOTS;
alignas(8) static uint8_t memory_buffer[MS_MEMORY_BYTES(kSlots, BITMAR_DIM, BITMAR_HOT_SLOTS)];
static ms_memory* opened;
static const char* problem;
static bool read_only;
static uint32_t slots, used, hot_bytes, on_card;
static ms_report report;
static char report_text[1536]; /* 16 lost slots with names of 63 bytes */

ms_memory* memory() { return opened; }
uint32_t memory_slots() { return slots; }
const char* card_problem() { return problem; }
uint32_t memory_bytes() { return used; }
uint32_t card_bytes() { return on_card; }
uint32_t memory_hot_bytes() { return hot_bytes; }

static ms_config model_config() {
  ms_config config = {};
  config.slots = board_slots() ? board_slots() : BITMAR_SLOTS;
  config.dim = BITMAR_DIM;
  config.hot = BITMAR_HOT_SLOTS < config.slots ? BITMAR_HOT_SLOTS : config.slots;
  config.slot_dtype = BITMAR_SLOT_DTYPE;
  config.alpha = BITMAR_ALPHA;
  config.merge_threshold = BITMAR_MERGE_THRESHOLD;
  config.prototypes = MS_PROTOTYPES;
  config.same_picture = MS_SAME_PICTURE;
  config.min_importance = BITMAR_MIN_IMPORTANCE;
  std::memcpy(config.model_hash, engine_model_hash(), sizeof config.model_hash);
  return config;
}

static int open_as(const ms_port* port, ms_config* config, uint32_t flags) {
  const int error = ms_open(&opened, memory_buffer, sizeof memory_buffer, config, port, flags, &report);
  if (error != MS_E_BUFFER) return error;
  config->hot = 1;
  return ms_open(&opened, memory_buffer, sizeof memory_buffer, config, port, flags, &report);
}

/* One model runs with any number of slots: the card's own number counts, if it fits into RAM. */
static int open_card(const ms_port* port, ms_config* config) {
  ms_config found;
  if (ms_probe(port, &found) == MS_OK) {
    config->slots = found.slots;
    config->slot_dtype = found.slot_dtype;
    if (config->hot > config->slots) config->hot = config->slots;
  }
  int error = open_as(port, config, 0);
  if (error != MS_E_READ_ONLY) return error;
  read_only = true; /* it can still be asked */
  error = open_as(port, config, MS_OPEN_READ_ONLY);
  return error == MS_E_NOT_FOUND ? MS_E_READ_ONLY : error;
}

static const char* reason(int error) {
  switch (error) {
    case MS_E_NO_CARD:
      return "no card";
    case MS_E_READ_ONLY:
      return "the card is read-only";
    case MS_E_CARD_FULL:
      return "the card is full";
    case MS_E_FORMAT:
      return "the card is broken or not formatted";
    case MS_E_MODEL:
      return "the card was written by another model";
    case MS_E_VERSION:
      return "the card has another format version";
    case MS_E_SHAPE:
      return "the card's memory has another shape";
    case MS_E_LOCKED:
      return "the card is open elsewhere";
    case MS_E_MIXED:
      return "the card's files belong to two memories";
    case MS_E_BUFFER:
      return "the card's memory has more slots than this board has room for";
    default:
      return "the card is broken";
  }
}

bool card_open() {
  ms_config config = model_config();
  const ms_port* port = board_card();
  read_only = false;
  const int error = !port ? MS_E_NO_CARD : open_card(port, &config);
  problem = read_only ? reason(MS_E_READ_ONLY) : nullptr;
  if (error != MS_OK) {
    problem = reason(error);
    read_only = false;
    config = model_config();
    if (ms_open(&opened, memory_buffer, sizeof memory_buffer, &config, nullptr, 0, &report) != MS_OK)
      return false;
  }
  slots = error != MS_OK ? config.hot : config.slots;
  used = static_cast<uint32_t>(ms_memory_size(&config));
  if (config.hot > 1) {
    ms_config one = config;
    one.hot = 1;
    hot_bytes = (used - static_cast<uint32_t>(ms_memory_size(&one))) / (config.hot - 1) * config.hot;
  }
  ms_file_sizes sizes = {};
  ms_card_size(&config, &sizes);
  on_card = static_cast<uint32_t>(sizes.slots + sizes.index + sizes.metadata + sizes.backup);
  ms_set_time(opened, board_time());
  ms_report_text(&report, report_text, sizeof report_text);
  put(error != MS_OK ? "in RAM alone, nothing is saved: " : "card: ");
  put_text(error != MS_OK ? problem : report_text);
  put("\n");
  return true;
}

int card_verify(const ms_report** found, const char** text) {
  const int error = ms_verify(opened, &report);
  ms_report_text(&report, report_text, sizeof report_text);
  *found = &report;
  *text = report_text;
  return error;
}

void card_close() {
  if (opened) ms_close(opened);
  opened = nullptr;
}

}  // namespace bitmar
