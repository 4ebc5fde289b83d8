/** Teaching and asking: the answering loop, the same as the Pi's (pi_app/session.py), printed as it goes. */
#pragma once
#include <cstdint>

#include "output.h"

namespace bitmar {

/** What a word came to: nullptr, or a sentence for the user. Nothing was changed where it is not nullptr. */
using Problem = const char*;

/** `picture` and `name` are arguments as they came; `name` is normalised in place. */
Problem teach(const char* picture, char* name, bool replace, bool json);
Problem ask(const char* picture, bool json);
Problem caption(const char* picture, bool json);
Problem say(char* text, bool json);

/** Exact costs: instructions (or microseconds) per token, encoding, memory look-up and read-out. */
Problem bench(uint32_t tokens, bool json);

/** CRC-32 of the encoder's outputs and of ids and logits of eight teacher-forced steps after recalling. */
Problem digest(const char* picture, bool json);

/** Opens the tokenizer; nullptr, or what is wrong with it. */
Problem session_open();

}  // namespace bitmar
