/** A picture as its pixels come over the console, a row at a time: a computer's, or of anything with a serial
 * line.
 *
 * The rows are the vision network's input, cropped and scaled by the sender (bitmar_picture.h, or
 * bitmar.eye.prepare): 128 rows of 128 pixels, red, green and blue of 0 to 255. They lie where the network
 * reads them, in memory that other words use, so any other word takes or forgets them. */
#pragma once
#include <cstdint>

#include "inference.h"

namespace bitmar {

/** Pixels of a row, and rows; bytes of a row on the line before base64: RGB and the CRC-32 of them. */
constexpr uint32_t kPixelRows = 128, kPixelRowBytes = 3 * kPixelRows, kPixelPayload = kPixelRowBytes + 4;

/** `pixels ROW BASE64`: row 0 begins a picture, every other follows the one before. A row that is damaged can
 * be sent again. input: the network's (eye_input()), int8 [128][128][3] and room for 4 bytes more. */
Problem pixels(int8_t* input, const char* row, const char* base64, bool json);

/** nullptr, or that not all rows have come. */
Problem check_pixels();

void forget_pixels();

}  // namespace bitmar
