/* BMP and PPM files, row by row. Every number of a header is checked: a file may say anything. */
#include <string.h>

#include "bitmar_picture.h"

static const char kNoPicture[] =
    "not a BMP or PPM file that can be read: expected 8, 24 or 32 bits a pixel, uncompressed";
static const char kSize[] = "a picture without pixels, or with a side of more than 16384";

static uint32_t word16(const uint8_t* p) { return p[0] | (uint32_t)p[1] << 8; }
static uint32_t word32(const uint8_t* p) { return word16(p) | word16(p + 2) << 16; }

static const char* check_size(const pic_file* file) {
  const int ok =
      file->width >= 1 && file->height >= 1 && file->width <= PIC_MOST_SIDE && file->height <= PIC_MOST_SIDE;
  return ok ? NULL : kSize;
}

static const char* open_bmp(pic_file* file) {
  uint8_t head[54];
  if (file->read(file->context, 0, head, sizeof head)) return kNoPicture;
  const uint32_t info = word32(head + 14), bits = word16(head + 28), packed = word32(head + 30);
  const int32_t height = (int32_t)word32(head + 22);
  if (info < 40 || info > 1024 || packed != 0 || (bits != 8 && bits != 24 && bits != 32)) return kNoPicture;
  if (height == INT32_MIN) return kSize;
  file->width = (int32_t)word32(head + 18);
  file->height = height < 0 ? -height : height;
  file->upwards = height > 0;
  file->bytes = (int32_t)bits / 8;
  file->swapped = 1;
  const char* problem = check_size(file);
  if (problem) return problem;
  file->stride = ((uint32_t)file->width * bits / 8 + 3) / 4 * 4;
  file->first = word32(head + 10);
  if (file->first > 1u << 24) return kNoPicture;
  if (file->upwards) file->first += (uint32_t)(file->height - 1) * file->stride;
  if (bits != 8) return NULL;
  uint32_t colors = word32(head + 46);
  if (colors == 0 || colors > 256) colors = 256;
  memset(file->palette, 0, sizeof file->palette);
  for (uint32_t i = 0; i < colors; i++) {
    uint8_t entry[4]; /* blue, green, red */
    if (file->read(file->context, 14 + info + 4 * i, entry, sizeof entry)) return kNoPicture;
    for (int32_t c = 0; c < 3; c++) file->palette[i][c] = entry[2 - c];
  }
  return NULL;
}

/* The next number of a PPM header, after white space and comments; -1: none. */
static int32_t header_number(const pic_file* file, uint32_t* at) {
  uint8_t c = 0;
  int32_t number = -1, comment = 0;
  for (; *at < 1024; ++*at) {
    if (file->read(file->context, *at, &c, 1)) return -1;
    if (c >= '0' && c <= '9' && !comment) {
      number = (number < 0 ? 0 : number) * 10 + (c - '0');
      if (number > 1 << 20) return -1;
    } else if (number >= 0) {
      return number;
    } else if (c == '#' || comment) {
      comment = c != '\n';
    } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
      return -1;
    }
  }
  return -1;
}

static const char* open_ppm(pic_file* file, int32_t bytes) {
  uint32_t at = 2;
  file->width = header_number(file, &at);
  file->height = header_number(file, &at);
  const int32_t most = header_number(file, &at);
  if (most != 255) return kNoPicture;
  file->bytes = bytes;
  file->swapped = file->upwards = 0;
  file->first = at + 1; /* one white space */
  file->stride = (uint32_t)file->width * (uint32_t)bytes;
  for (int32_t i = 0; i < 256; i++) memset(file->palette[i], i, 3);
  return check_size(file);
}

const char* pic_file_open(pic_file* file, pic_read* read, void* context) {
  uint8_t magic[2];
  file->read = read;
  file->context = context;
  if (read(context, 0, magic, sizeof magic)) return kNoPicture;
  if (magic[0] == 'B' && magic[1] == 'M') return open_bmp(file);
  if (magic[0] == 'P' && magic[1] == '5') return open_ppm(file, 1);
  if (magic[0] == 'P' && magic[1] == '6') return open_ppm(file, 3);
  return kNoPicture;
}

int32_t pic_file_row(const pic_file* file, int32_t y, uint8_t* row) {
  const uint32_t width = (uint32_t)file->width, down = (uint32_t)y * file->stride;
  const uint32_t at = file->upwards ? file->first - down : file->first + down;
  /* one byte a pixel becomes three: read behind, written before */
  uint8_t* from = file->bytes == 1 ? row + 2 * width : row;
  if (file->read(file->context, at, from, width * (uint32_t)file->bytes)) return -1;
  for (uint32_t x = 0; x < width && (file->bytes != 3 || file->swapped); x++) {
    const uint8_t* pixel = from + x * (uint32_t)file->bytes;
    const uint8_t rgb[3] = {pixel[2 * (file->bytes > 1)], pixel[file->bytes > 1], pixel[0]};
    memcpy(row + 3 * x, file->bytes == 1 ? file->palette[pixel[0]] : rgb, 3);
  }
  return 0;
}

typedef struct {
  const pic_file* file;
  uint8_t* row;
} on_file;

static const uint8_t* row_of_file(void* context, int32_t y) {
  const on_file* picture = context;
  return pic_file_row(picture->file, y, picture->row) ? NULL : picture->row;
}

const char* pic_file_prepare(const pic_file* file, uint8_t* row, size_t row_bytes, int8_t* out) {
  if (row_bytes / 4 < (size_t)file->width) return "the picture is too wide for this device";
  on_file picture = {file, row};
  if (pic_prepare_rows(PIC_RGB, file->width, file->height, row_of_file, &picture, out))
    return "the picture's file ends before its last row";
  return NULL;
}
