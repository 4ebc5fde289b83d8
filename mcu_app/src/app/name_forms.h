/** The forms in which a name is tried, one after the other, until one reads back: as it is; in two layers; in
 * three; then each of them again with the token that was misread cut in two, fewer cuts first, then the one
 * that was right for longer. The same as the Pi's bitmar/name_forms.py, in the same order. */
#pragma once
#include "inference.h"

namespace bitmar {

enum : uint32_t { kMostLayers = 3, kMostTries = 12 };

/** Where a name's layers begin and end (layer i: bytes from at[i] to at[i + 1]), and where tokenising begins
 * anew within them, by rising offset. */
struct Form {
  uint32_t layers, at[kMostLayers + 1];
  uint32_t cuts, cut[kMostTries];
};

/** The tokens of a form's layer to token_ids, their number to *count; < 0: no room. */
void tokenize_layer(const char* name, const Form& form, uint32_t layer, int32_t* count);

/** Which form of a name to try next; without the one with the picture, which is no other text. */
class FormSearch {
 public:
  explicit FormSearch(const char* name);
  /** The next form of which the model takes every layer; false: there is no other one. */
  bool next(Form* form);
  /** `right` bytes of a form came back before a token that was read as something else. */
  void was_misread(const Form& form, uint32_t right);

 private:
  bool propose(Form* form);
  uint32_t place_near(const Form& form, uint32_t right) const;
  const char* name_;
  uint32_t bytes_, given_ = 0;
  struct {
    bool there;
    uint32_t right; /* bytes that came back */
    Form next;
  } others_[kMostLayers] = {}; /* by the number of layers */
};

}  // namespace bitmar
