/** Numbers and texts of our own to the console; text from outside: text.h; an answer as JSON: json.h. No
 * stdio, no heap. */
#pragma once
#include <cstdint>
#include <initializer_list>

namespace bitmar {

/** Joins texts into `buffer` of `capacity` bytes, cut to fit, zero-terminated. */
void compose(char* buffer, uint32_t capacity, std::initializer_list<const char*> texts);

void put(const char* text);
void put(const char* text, uint32_t bytes);
void put_number(uint32_t value);
/** The digits of a number as a text: at most ten and a zero. */
const char* number_text(uint32_t value, char* text);
/** Rounded to `digits` decimals; NaN and infinities become 0 (JSON has none). */
void put_decimal(float value, uint32_t digits);
void put_hex(uint32_t value); /**< eight digits */

}  // namespace bitmar
