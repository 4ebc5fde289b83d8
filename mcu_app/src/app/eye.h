/** A picture as a word of the console names it: its numbers, a file of the card, or the camera. */
#pragma once
#include "engine.h"

namespace bitmar {

/** `what`: base64 of the numbers (picture.h), a BMP or PPM file of the card ("card:cup.bmp", or just
 * "cup.bmp"), or "camera". nullptr, or what is wrong. */
const char* see(const char* what, engine_picture* picture);

/** Whether `what` is a file or the camera, and not the numbers themselves. */
bool is_seen_here(const char* what);

}  // namespace bitmar
