/** Measurements of a board. */
#pragma once
#include "inference.h"

namespace bitmar {

/** Exact costs: instructions (or microseconds) per token, encoding, memory look-up and read-out. */
Problem bench(uint32_t tokens, bool json);

/** CRC-32 of the encoder's outputs and of ids and logits of eight teacher-forced steps after recalling. */
Problem digest(const char* picture, bool json);

}  // namespace bitmar
