#include "text.h"

#include <cstring>

#include "output.h"

namespace bitmar {

/* The Unicode Standard, table 3-7: the second byte's range depends on the first, all later ones are 80..BF.
 */
Character next_character(const char* text, uint32_t bytes) {
  const auto byte = [text](uint32_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const uint32_t length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (length == 0) return {0xFFFD, 1, true};
  uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  uint32_t code = lead & (0xFFu >> (length + 1));
  for (uint32_t i = 1; i < length; i++) {
    if (i == bytes) return {0xFFFD, i, false};
    if (byte(i) < low || byte(i) > high) return {0xFFFD, i, true};
    code = code << 6 | (byte(i) & 0x3Fu);
    low = 0x80, high = 0xBF;
  }
  return {code, length, true};
}

bool is_control(uint32_t code) {
  static const struct {
    uint32_t first, last;
  } ranges[] = {/* general categories Cc, Cf, Zl and Zp of Unicode 15 */
                {0x00, 0x1F},       {0x7F, 0x9F},       {0xAD, 0xAD},       {0x600, 0x605},
                {0x61C, 0x61C},     {0x6DD, 0x6DD},     {0x70F, 0x70F},     {0x890, 0x891},
                {0x8E2, 0x8E2},     {0x180E, 0x180E},   {0x200B, 0x200F},   {0x2028, 0x202E},
                {0x2060, 0x2064},   {0x2066, 0x206F},   {0xFEFF, 0xFEFF},   {0xFFF9, 0xFFFB},
                {0x110BD, 0x110BD}, {0x110CD, 0x110CD}, {0x13430, 0x1343F}, {0x1BCA0, 0x1BCA3},
                {0x1D173, 0x1D17A}, {0xE0001, 0xE0001}, {0xE0020, 0xE007F}};
  for (const auto& range : ranges)
    if (code <= range.last) return code >= range.first;
  return false;
}

static void put_escape(const char* prefix, uint32_t code, uint32_t digits) {
  put(prefix);
  for (uint32_t i = digits; i-- > 0;) put(&"0123456789abcdef"[code >> (4 * i) & 15], 1);
}

static void put_visible(const char* text, const Character& c) {
  if (c.code == 0xFFFD)
    put("\xEF\xBF\xBD");
  else if (!is_control(c.code))
    put(text, c.bytes);
  else if (c.code < 0xA0)
    put_escape("\\x", c.code, 2);
  else if (c.code < 0x10000)
    put_escape("\\u", c.code, 4);
  else
    put_escape("\\U", c.code, 8);
}

void put_text(const char* text) {
  TextStream stream;
  stream.write(text, static_cast<uint32_t>(std::strlen(text)));
  stream.end();
}

void TextStream::write(const char* text, uint32_t bytes) {
  while (count_ && bytes) { /* the character that the last piece ended in */
    held_[count_++] = *text++;
    bytes--;
    const Character c = next_character(held_, count_);
    if (!c.whole) continue;
    put_visible(held_, c);
    if (c.bytes < count_) text--, bytes++; /* invalid: the last byte begins something else */
    count_ = 0;
  }
  while (bytes) {
    const Character c = next_character(text, bytes);
    if (!c.whole) {
      std::memcpy(held_, text, count_ = bytes);
      return;
    }
    put_visible(text, c);
    text += c.bytes, bytes -= c.bytes;
  }
}

void TextStream::end() {
  if (count_) put_visible(held_, {0xFFFD, count_, false});
  count_ = 0;
}

void put_json_text(const char* text, uint32_t bytes) {
  while (bytes) {
    const Character c = next_character(text, bytes);
    if (c.code == 0xFFFD) {
      put("\\ufffd");
    } else if (is_control(c.code)) {
      const uint32_t above = c.code - 0x10000;
      if (c.code > 0xFFFF) put_escape("\\u", 0xD800 + (above >> 10), 4);
      put_escape("\\u", c.code > 0xFFFF ? 0xDC00 + (above & 0x3FF) : c.code, 4);
    } else {
      if (c.code == '"' || c.code == '\\') put("\\");
      put(text, c.bytes);
    }
    text += c.bytes, bytes -= c.bytes;
  }
}

}  // namespace bitmar
