/** Teaching and asking: the answering loop, the same as the Pi's (bitmar/device.py), printed as it goes. */
#pragma once
#include <cstdint>

#include "inference.h"

namespace bitmar {

/** `picture` and `name` are arguments as they came; `name` is normalised in place; `options` as in Call. */
Problem teach(const char* picture, char* name, uint32_t options, bool json);
Problem ask(const char* picture, bool json);
Problem right(bool json);
Problem wrong(char* name, bool json);
Problem caption(const char* picture, bool json);
Problem say(char* text, bool json);

}  // namespace bitmar
