/* One pixel on white; shared by the two passes. */
#ifndef BITMAR_PICTURE_PIXEL_H_
#define BITMAR_PICTURE_PIXEL_H_

#include "bitmar_picture.h"

/* ink[3] = 255 - red, green, blue of a pixel that is composed on white. */
static inline void pic_ink(pic_format format, const uint8_t* pixel, uint32_t ink[PIC_CHANNELS]) {
  if (format == PIC_RGB565) {
    const uint32_t word = pixel[0] | (uint32_t)pixel[1] << 8;
    const uint32_t red = word >> 11, green = word >> 5 & 63, blue = word & 31;
    ink[0] = 255u - (red << 3 | red >> 2);
    ink[1] = 255u - (green << 2 | green >> 4);
    ink[2] = 255u - (blue << 3 | blue >> 2);
    return;
  }
  if (format == PIC_RGB || pixel[3] == 255) {
    for (int32_t i = 0; i < PIC_CHANNELS; i++) ink[i] = 255u - pixel[i];
    return;
  }
  const uint32_t a = pixel[3];
  for (int32_t i = 0; i < PIC_CHANNELS; i++) ink[i] = 255u - (pixel[i] * a + 255u * (255u - a) + 127u) / 255u;
}

#endif
