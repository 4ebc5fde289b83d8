#include "pixels.h"

#include "json.h"
#include "output.h"
#include "parse.h"
#include "picture.h"

namespace bitmar {

static uint32_t came; /* rows, from the top */
static char problem[80];

Problem pixels(int8_t* input, const char* row_text, const char* base64, bool as_json) {
  char numbers[2][12];
  uint32_t row;
  if (!parse_number(row_text, kPixelRows - 1, &row)) return "pixels: expected a row from 0 to 127";
  if (row != 0 && row != came) {
    compose(problem, sizeof problem,
            {"pixels: row ", number_text(row, numbers[0]), ", expected row 0 of a new picture or row ",
             number_text(came, numbers[1])});
    return problem;
  }
  came = row;
  /* the CRC lies where the next row will, and behind the last there is room */
  uint8_t* const bytes = reinterpret_cast<uint8_t*>(input) + row * kPixelRowBytes;
  if (Problem damage = payload_decode("the row", base64, bytes, kPixelPayload)) return damage;
  for (uint32_t i = 0; i < kPixelRowBytes; i++) bytes[i] ^= 0x80; /* less 128, as int8 */
  came++;
  Json json(as_json);
  json.begin("pixels");
  json.number("rows", came);
  json.end();
  if (!as_json) put_number(came), put(" of 128 rows\n");
  return nullptr;
}

Problem check_pixels() {
  char number[12];
  if (came == kPixelRows) return nullptr;
  compose(problem, sizeof problem,
          {"pixels: ", number_text(came, number), " of 128 rows have come, expected all before this word"});
  return problem;
}

void forget_pixels() { came = 0; }

}  // namespace bitmar
