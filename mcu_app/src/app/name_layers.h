/** A long name in one slot: its parts one beneath the other, each a sixteenth of the one above (superposition
 * coding, read by successive cancellation; Cover, 1972). The same as the Pi's bitmar/name_layers.py. */
#pragma once
#include "measure.h"
#include "memstore.h"
#include "name_forms.h"

namespace bitmar {

/** A form's layers one beneath the other, float32 [D], as a slot will hold them. Overwrites the last tokens
 * and encoding. */
Problem superpose(const ms_memory* memory, const char* name, const Form& form, float* episode);

/** How many bytes of a name were read before a token that is none of it; whole: all of them and nothing else.
 */
struct Heard {
  uint32_t right;
  bool whole;
};

/** How much of a name a slot's episode says, alone and without a picture. Layer by layer: while what the
 * decoder says is how the rest of the name begins, what lies beneath is read. What decoding costs is added to
 * `measure` (nullptr: not measured). Overwrites the last tokens and encoding. */
Problem read_name(const ms_memory* memory, const float* episode, const char* name, Heard* heard,
                  Measure* measure);

}  // namespace bitmar
