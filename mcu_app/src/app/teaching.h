/** A name into a slot's numbers, so that it comes back: read back as a disk does, before anything is on the
 * card. The same as the Pi's bitmar/teaching.py, in the same order. */
#pragma once
#include "inference.h"
#include "memstore.h"

namespace bitmar {

/** An episode as the slot will hold it, whether the decoder brings the name back from it, forms tried. */
struct WrittenName {
  float episode[BITMAR_DIM];
  bool decodes;
  uint32_t tries;
};

/** nullptr, or why a name cannot be taught: it is none, or has more tokens than the model takes. */
Problem check_name(const char* name);

/** The first of at most 12 forms of a checked name that reads back, else the first one. `seen` is the
 * episode of the name with its picture; nullptr: there is no picture. */
Problem write_name(const ms_memory* memory, const char* name, const float* seen, WrittenName* written);

}  // namespace bitmar
