#include "measure.h"

#include "board.h"
#include "card.h"
#include "output.h"

namespace bitmar {

Measure::Measure(const ms_memory* memory) : memory_(memory) {
  ms_get_stats(memory_, &before_);
  begin_ = board_count();
}

void Measure::decode_begin() { decode_begin_ = board_count(); }

void Measure::decode_end(uint32_t steps) {
  decode_ += board_count() - decode_begin_;
  tokens += steps;
}

void Measure::end() {
  total_ = board_count() - begin_;
  ms_get_stats(memory_, &after_);
}

/* Instructions are reported as they are: they are no time. */
static bool counts_time() { return board_unit()[0] == 'u'; }

void Measure::write(Json* json) const {
  const uint32_t hits = static_cast<uint32_t>(after_.hits - before_.hits);
  const uint32_t lookups = hits + static_cast<uint32_t>(after_.misses - before_.misses);
  if (seeing) json->number("seeing", seeing);
  json->number("tokens", tokens);
  if (counts_time()) {
    json->decimal("tokens_per_s",
                  decode_ ? 1e6f * static_cast<float>(tokens) / static_cast<float>(decode_) : 0, 1);
    json->decimal("ms_per_token", static_cast<float>(per_token()) / 1000, 3);
    json->decimal("total_ms", static_cast<float>(total_) / 1000, 3);
    json->decimal("card_ms",
                  static_cast<float>(after_.micros_read + after_.micros_write - before_.micros_read -
                                     before_.micros_write) /
                      1000,
                  3);
  } else {
    json->number("instructions", total_);
    json->number("instructions_per_token", per_token());
  }
  json->number("sectors_read", static_cast<uint32_t>(after_.sectors_read - before_.sectors_read));
  json->number("sectors_written", static_cast<uint32_t>(after_.sectors_written - before_.sectors_written));
  if (lookups)
    json->decimal("hit_rate", static_cast<float>(hits) / static_cast<float>(lookups), 3);
  else
    json->null("hit_rate");
}

void Measure::write_text() const {
  put("  [");
  if (tokens) {
    if (counts_time()) {
      put_decimal(1e6f * static_cast<float>(tokens) / static_cast<float>(decode_ ? decode_ : 1), 1),
          put(" tokens/s, ");
      put_decimal(static_cast<float>(per_token()) / 1000, 3), put(" ms/token, ");
    } else {
      put_number(per_token()), put(" instructions/token, ");
    }
  }
  put_number(total_), put(" "), put(board_unit()), put(" in all, card: ");
  put_number(static_cast<uint32_t>(after_.sectors_read - before_.sectors_read)), put(" sectors read, ");
  put_number(static_cast<uint32_t>(after_.sectors_written - before_.sectors_written)), put(" written");
  const uint32_t hits = static_cast<uint32_t>(after_.hits - before_.hits);
  const uint32_t lookups = hits + static_cast<uint32_t>(after_.misses - before_.misses);
  if (lookups) put(", cache hits "), put_number(100 * hits / lookups), put(" %");
  put("]\n");
  if (seeing) put("  [seeing: "), put_number(seeing), put(" "), put(board_unit()), put("]\n");
}

void finish(Json* json, const Measure* measure) {
  const char* problem = card_problem();
  json->text("card", problem ? problem : "ok");
  if (measure) measure->write(json);
  json->end();
  if (json->on()) return;
  if (problem) put("  (not saved: "), put(problem), put(")");
  put("\n");
  if (measure) measure->write_text();
}

}  // namespace bitmar
