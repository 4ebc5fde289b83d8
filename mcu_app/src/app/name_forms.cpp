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
  int32_t best = -1;
  for (int32_t i = 0; i < static_cast<int32_t>(kMostLayers); i++) {
    const auto &one = others_[i], &other = others_[best < 0 ? 0 : best];
    const bool fewer = one.next.cuts < other.next.cuts;
    const bool further = one.next.cuts == other.next.cuts && one.right > other.right;
    if (one.there && (best < 0 || fewer || further)) best = i;
  }
  if (best < 0) return false;
  others_[best].there = false;
  *form = others_[best].next;
  return true;
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

/* Where a form may be cut in or near the token that byte `right` is in, the last one where it is behind it:
 * as near to a token's middle as may be. 0: nowhere. */
uint32_t FormSearch::place_near(const Form& form, uint32_t right) const {
  static uint32_t ends[kMostLayers * kMaxTextTokens];
  int32_t tokens = 0, misread = 0;
  for (uint32_t layer = 0; layer < form.layers; layer++) {
    int32_t count;
    tokenize_layer(name_, form, layer, &count);
    for (int32_t i = 0; i < count; i++, tokens++)
      ends[tokens] = (tokens ? ends[tokens - 1] : 0) + token_bytes(token_ids[i]);
  }
  while (misread + 1 < tokens && ends[misread] <= right) misread++;
  for (int32_t apart = 0; apart < tokens; apart++) {
    for (int32_t side = -1; side <= (apart ? 1 : -1); side += 2) {
      const int32_t i = misread + side * apart;
      if (i < 0 || i >= tokens) continue;
      const uint32_t start = i ? ends[i - 1] : 0;
      if (const uint32_t at = nearest_cut(name_, (start + ends[i]) / 2, start, ends[i])) return at;
    }
  }
  return 0;
}

void FormSearch::was_misread(const Form& form, uint32_t right) {
  auto& other = others_[form.layers - 1];
  const uint32_t cut = place_near(form, right);
  other.there = cut && form.cuts < kMostTries;
  other.right = right;
  other.next = form;
  if (!other.there) return;
  uint32_t i = other.next.cuts++;
  for (; i && other.next.cut[i - 1] > cut; i--) other.next.cut[i] = other.next.cut[i - 1];
  other.next.cut[i] = cut;
}

}  // namespace bitmar
