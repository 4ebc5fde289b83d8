/** What one answer cost: time or instructions, tokens, card traffic. */
#pragma once
#include <cstdint>

#include "json.h"
#include "memstore.h"

namespace bitmar {

class Measure {
 public:
  explicit Measure(const ms_memory* memory);
  void decode_begin();
  void decode_end(uint32_t steps); /**< adds what passed since decode_begin, and its tokens */
  void end();
  uint32_t per_token() const { return tokens ? decode_ / tokens : 0; }
  void write(Json* json) const;
  void write_text() const;

  uint32_t tokens = 0;
  uint32_t seeing = 0; /**< what it cost to see the picture; 0: this board did not */

 private:
  const ms_memory* memory_;
  ms_stats before_ = {}, after_ = {};
  uint32_t begin_ = 0, total_ = 0, decode_ = 0, decode_begin_ = 0;
};

/** What every answer ends with: whether the card saves, and what it cost (nullptr: that is not said). */
void finish(Json* json, const Measure* measure = nullptr);

}  // namespace bitmar
