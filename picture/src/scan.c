/* The first pass: what is on the picture, and which square of it the network is shown. */
#include "bitmar_picture.h"
#include "pixel.h"

static pic_box nothing(int32_t width, int32_t height) {
  const pic_box box = {width, height, 0, 0};
  return box;
}

static void include(pic_box* box, int32_t x, int32_t y) {
  if (x < box->left) box->left = x;
  if (x >= box->right) box->right = x + 1;
  if (y < box->top) box->top = y;
  if (y >= box->bottom) box->bottom = y + 1;
}

int32_t pic_scan_begin(pic_scan* scan, int32_t width, int32_t height) {
  if (width < 1 || height < 1 || width > PIC_MOST_SIDE || height > PIC_MOST_SIDE) return -1;
  scan->width = width;
  scan->height = height;
  scan->y = 0;
  scan->transparent = 0;
  scan->opaque = scan->colored = nothing(width, height);
  return 0;
}

void pic_scan_row(pic_scan* scan, pic_format format, const uint8_t* pixels) {
  const int32_t y = scan->y++;
  if (y >= scan->height) return;
  for (int32_t x = 0; x < scan->width; x++) {
    const uint8_t* pixel = pixels + (size_t)x * (size_t)format;
    if (format == PIC_RGBA && pixel[3] <= PIC_VISIBLE) {
      scan->transparent = 1;
      continue;
    }
    include(&scan->opaque, x, y);
    uint32_t ink[PIC_CHANNELS];
    pic_ink(format, pixel, ink);
    if (ink[0] > PIC_VISIBLE || ink[1] > PIC_VISIBLE || ink[2] > PIC_VISIBLE) include(&scan->colored, x, y);
  }
}

pic_square pic_scan_end(const pic_scan* scan) {
  const pic_box whole = {0, 0, scan->width, scan->height};
  pic_box box = scan->transparent ? scan->opaque : scan->colored;
  const int32_t empty = box.right <= box.left; /* a blank sheet is a picture too */
  if (empty) box = whole;
  const int32_t width = box.right - box.left, height = box.bottom - box.top;
  const int32_t longer = width > height ? width : height, shorter = width > height ? height : width;
  const int32_t photograph = !scan->transparent && !empty && width == scan->width && height == scan->height;
  pic_square square;
  square.side = photograph ? shorter : (longer * 53 + 25) / 50;
  square.left = box.left + (width >= square.side ? (width - square.side) / 2 : -((square.side - width) / 2));
  square.top = box.top + (height >= square.side ? (height - square.side) / 2 : -((square.side - height) / 2));
  square.shown = box;
  if (photograph) {
    square.shown.left = square.left;
    square.shown.top = square.top;
    square.shown.right = square.left + square.side;
    square.shown.bottom = square.top + square.side;
  }
  return square;
}
