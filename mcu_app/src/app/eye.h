/** A picture as a word of the console names it: its numbers, a file of the card, the camera, or
 * pixels that came over the console. */
#pragma once
#include "engine.h"

namespace bitmar {

/** `what`: base64 of the numbers (picture.h), a BMP or PPM file of the card ("card:cup.bmp", or just
 * "cup.bmp"), "camera" or "pixels" (pixels.h). nullptr, or what is wrong. */
const char* see(const char* what, engine_picture* picture);

/** Whether `what` is a file, the camera or pixels, and not the numbers themselves. */
bool is_seen_here(const char* what);

/** The network's input, int8 [128][128][3], RGB - 128: until a word runs the network or the engine. nullptr:
 * there is no network. */
int8_t* eye_input();
extern const char kBlind[]; /**< what is said then */

}  // namespace bitmar
