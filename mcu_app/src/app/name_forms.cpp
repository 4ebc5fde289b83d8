#include "name_forms.h"

#include <cstring>

namespace bitmar {

/* The place between `start` and `end`, neither included, that is nearest to `at` and may be cut, of two as
 * near the lower: no character is cut, nor beside a space. 0: there is none. */
static uint32_t nearest_cut(const char* name, uint32_t at, uint32_t start, uint32_t end) {
  for (uint32_t apart = 0; apart < end - start; apart++) {
    const uint32_t places[2] = {at > apart ? at - apart : 0, at + apart};
    for (const uint32_t place : places) {
      if (place > start && place < end && (name[place] & 0xC0) != 0x80 && name[place] != ' ' &&
          name[place - 1] != ' ')
        return place;
    }
  }
  return 0;
}

void tokenize_layer(const char* name, const Form& form, uint32_t layer, int32_t* count) {
  uint32_t start = form.at[layer];
  const uint32_t end = form.at[layer + 1];
  *count = 0;
  for (uint32_t i = 0; i <= form.cuts && *count >= 0; i++) {
    const uint32_t next = i < form.cuts ? form.cut[i] : end;
    if (next <= start || next > end) continue; /* of another layer */
    *count = tokenize(name + start, next - start, *count);
    start = next;
  }
}

FormSearch::FormSearch(const char* name) : name_(name), bytes_(std::strlen(name)) {}

bool FormSearch::propose(Form* form) {
  const uint32_t middle = nearest_cut(name_, bytes_ / 2, 0, bytes_);
  const uint32_t low = nearest_cut(name_, bytes_ / 3, 0, bytes_);
  const uint32_t high = nearest_cut(name_, bytes_ * 2 / 3, 0, bytes_);
  while (given_ < kMostLayers) {
    given_++;
    *form = {};
    form->layers = given_;
    if (given_ == 1) form->at[1] = bytes_;
    if (given_ == 2) form->at[1] = middle, form->at[2] = bytes_;
    if (given_ == 3) form->at[1] = low, form->at[2] = high, form->at[3] = bytes_;
    if (given_ == 1 || (given_ == 2 && middle) || (given_ == 3 && low && low < high)) return true;
  }
  for (;;) {
    int32_t best = -1;
    for (uint32_t i = 0; i < kMostLayers; i++)
      if (misread_[i].there && (best < 0 || misread_[i].start > misread_[best].start))
        best = static_cast<int32_t>(i);
    if (best < 0) return false;
    auto& found = misread_[best];
    found.there = false;
    const uint32_t cut = nearest_cut(name_, (found.start + found.end) / 2, found.start, found.end);
    if (!cut || found.form.cuts == kMostTries) continue;
    *form = found.form;
    uint32_t i = form->cuts++;
    for (; i && form->cut[i - 1] > cut; i--) form->cut[i] = form->cut[i - 1];
    form->cut[i] = cut;
    return true;
  }
}

bool FormSearch::next(Form* form) {
  while (propose(form)) {
    bool fits = true;
    for (uint32_t layer = 0; layer < form->layers && fits; layer++) {
      int32_t count;
      tokenize_layer(name_, *form, layer, &count);
      fits = count > 0 && count <= static_cast<int32_t>(kMaxTextTokens);
    }
    if (fits) return true;
  }
  return false;
}

void FormSearch::was_misread(const Form& form, uint32_t right) {
  auto& found = misread_[form.layers - 1];
  found.there = true;
  found.form = form;
  found.start = found.end = right; /* behind the last token there is none to cut */
  uint32_t at = 0;
  for (uint32_t layer = 0; layer < form.layers; layer++) {
    int32_t count;
    tokenize_layer(name_, form, layer, &count);
    for (int32_t i = 0; i < count; i++) {
      const uint32_t start = at;
      at += token_bytes(token_ids[i]);
      if (start <= right && right < at) found.start = start, found.end = at;
    }
  }
}

}  // namespace bitmar
