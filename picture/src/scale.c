/* The second pass: the square's area average, row by row. Positions are in 1/128 of a picture's pixel: output
 * row i covers [i side, (i + 1) side), picture row y (from the square's top) covers [128 y, 128 (y + 1)). */
#include <string.h>

#include "bitmar_picture.h"
#include "pixel.h"

enum { ROW = PIC_SIZE * PIC_CHANNELS };

void pic_scale_begin(pic_scale* scale, const pic_square* square, int8_t* out) {
  scale->square = *square;
  scale->y = 0;
  scale->row = 0;
  scale->out = out;
  memset(scale->sums, 0, sizeof scale->sums);
}

/* The row that was added up is done: ink becomes a pixel - 128. */
static void finish_row(pic_scale* scale) {
  const uint64_t area = (uint64_t)scale->square.side * (uint64_t)scale->square.side;
  int8_t* out = scale->out + (size_t)scale->row * ROW;
  for (int32_t i = 0; i < ROW; i++) {
    out[i] = (int8_t)(127 - (int32_t)((scale->sums[i] + area / 2) / area));
  }
  memset(scale->sums, 0, sizeof scale->sums);
  scale->row++;
}

/* line[128][3] = the picture row's ink, weighted by how much of each output column a pixel covers. */
static void average_columns(const pic_scale* scale, pic_format format, const uint8_t* pixels,
                            uint32_t line[ROW]) {
  const pic_square* square = &scale->square;
  memset(line, 0, ROW * sizeof line[0]);
  for (int32_t x = square->shown.left; x < square->shown.right; x++) {
    const uint8_t* pixel = pixels + (size_t)x * (size_t)format;
    uint32_t ink[PIC_CHANNELS];
    pic_ink(format, pixel, ink);
    int32_t from = PIC_SIZE * (x - square->left);
    const int32_t to = from + PIC_SIZE;
    for (int32_t column = from / square->side; from < to; column++) {
      const int32_t end = (column + 1) * square->side < to ? (column + 1) * square->side : to;
      for (int32_t c = 0; c < PIC_CHANNELS; c++) {
        line[column * PIC_CHANNELS + c] += (uint32_t)(end - from) * ink[c];
      }
      from = end;
    }
  }
}

void pic_scale_row(pic_scale* scale, pic_format format, const uint8_t* pixels) {
  const pic_square* square = &scale->square;
  const int32_t y = scale->y++;
  if (y < square->shown.top || y >= square->shown.bottom) return;
  uint32_t line[ROW];
  average_columns(scale, format, pixels, line);
  int32_t from = PIC_SIZE * (y - square->top);
  const int32_t to = from + PIC_SIZE;
  while (from < to) {
    while (scale->row < from / square->side) finish_row(scale);
    const int32_t next = (scale->row + 1) * square->side, end = next < to ? next : to;
    for (int32_t i = 0; i < ROW; i++) scale->sums[i] += (uint64_t)(uint32_t)(end - from) * line[i];
    from = end;
  }
}

void pic_scale_end(pic_scale* scale) {
  while (scale->row < PIC_SIZE) finish_row(scale);
}
