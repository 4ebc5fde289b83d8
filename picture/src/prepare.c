/* Both passes over a picture that is in memory. */
#include "bitmar_picture.h"

int32_t pic_prepare(pic_format format, const uint8_t* pixels, int32_t width, int32_t height, size_t stride,
                    int8_t* out) {
  pic_scan scan;
  if (pic_scan_begin(&scan, width, height) != 0) return -1;
  for (int32_t y = 0; y < height; y++) pic_scan_row(&scan, format, pixels + (size_t)y * stride);
  const pic_square square = pic_scan_end(&scan);
  pic_scale scale;
  pic_scale_begin(&scale, &square, out);
  for (int32_t y = 0; y < height; y++) pic_scale_row(&scale, format, pixels + (size_t)y * stride);
  pic_scale_end(&scale);
  return 0;
}
