/* Both passes over a picture. */
#include "bitmar_picture.h"

int32_t pic_prepare_rows(pic_format format, int32_t width, int32_t height, pic_row* row, void* context,
                         int8_t* out) {
  pic_scan scan;
  pic_scale scale;
  const uint8_t* pixels;
  if (pic_scan_begin(&scan, width, height) != 0) return -1;
  for (int32_t y = 0; y < height; y++) {
    if (!(pixels = row(context, y))) return -1;
    pic_scan_row(&scan, format, pixels);
  }
  const pic_square square = pic_scan_end(&scan);
  pic_scale_begin(&scale, &square, out);
  scale.y = square.shown.top; /* rows that are not shown need not be read again */
  for (int32_t y = square.shown.top; y < square.shown.bottom; y++) {
    if (!(pixels = row(context, y))) return -1;
    pic_scale_row(&scale, format, pixels);
  }
  pic_scale_end(&scale);
  return 0;
}

typedef struct {
  const uint8_t* pixels;
  size_t stride;
} in_memory;

static const uint8_t* row_in_memory(void* context, int32_t y) {
  const in_memory* picture = context;
  return picture->pixels + (size_t)y * picture->stride;
}

int32_t pic_prepare(pic_format format, const uint8_t* pixels, int32_t width, int32_t height, size_t stride,
                    int8_t* out) {
  in_memory picture = {pixels, stride};
  return pic_prepare_rows(format, width, height, row_in_memory, &picture, out);
}
