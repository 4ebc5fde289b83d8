/** A picture as it comes over the console: base64 of 768 int8 numbers, their float32 scale and a CRC-32. */
#pragma once
#include <cstdint>

#include "engine.h"

namespace bitmar {

/** Bytes of a picture on the line before base64: numbers, scale and CRC-32 of both, little-endian. */
constexpr uint32_t kPictureBytes = BITMAR_VISION + 4 + 4;

/** Bytes of base64 (RFC 4648, with padding) into out[0..capacity); returns how many, or -1 where it is not
 * base64 or does not fit. */
int32_t base64_decode(const char* text, uint8_t* out, uint32_t capacity);

/** Base64 of `bytes` bytes, of which the last four are the CRC-32 of the others, little-endian, into
 * out[bytes]. nullptr, or what is wrong with `what`. */
const char* payload_decode(const char* what, const char* text, uint8_t* out, uint32_t bytes);

/** nullptr, or what is wrong: as payload_decode, or a scale that is no positive number. */
const char* picture_decode(const char* text, engine_picture* picture);

}  // namespace bitmar
