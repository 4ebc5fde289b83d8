/* From a picture's pixels to the vision network's input, as a C11 library.
 *
 * Integers only, so every target gives the same bytes. Nothing is allocated, no I/O is done. A picture comes
 * as rows from top to bottom, twice: once to find what is on it (pic_scan), once to be scaled (pic_scale). No
 * more than one row has to be in memory at a time, which is how a microcontroller reads a file from its card.
 *
 * pic_file reads BMP and PPM files for that, from whatever a callback reads.
 *
 *   pixels -> composed on white -> cropped -> square -> 128 x 128 by area average -> RGB - 128, int8
 *
 * - Composed: c = (c a + 255 (255 - a) + 127) / 255 for alpha a of 255.
 * - Cropped: a cut-out picture to its content, a photograph to its central square. Content is what is more
 *   opaque than PIC_VISIBLE or, in a picture without transparency, farther than that from white. A picture
 *   without transparency whose content reaches all four edges is a photograph.
 * - Square: content is centred on white with a margin of 3 % at each end of its longer side.
 * - Area average: output pixel (i, j) is the mean over [i S/128, (i+1) S/128) x [j S/128, (j+1) S/128) of the
 *   square of side S, in integers: 255 - (sum of weight (255 - c) + S^2 / 2) / S^2, weights in 1/128 pixels.
 */
#ifndef BITMAR_PICTURE_H_
#define BITMAR_PICTURE_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  PIC_SIZE = 128,       /* side of the network's input */
  PIC_CHANNELS = 3,     /* red, green, blue */
  PIC_VISIBLE = 8,      /* of 255: how opaque, or how far from white, content is */
  PIC_MOST_SIDE = 16384 /* longest side of a picture, in pixels */
};

/* How a row's pixels lie in memory; the value is the bytes of a pixel. RGB565 is what cameras give:
 * little-endian words, red in the upper five bits. */
typedef enum { PIC_RGB565 = 2, PIC_RGB = 3, PIC_RGBA = 4 } pic_format;

/* A box of pixels; right and bottom are exclusive, an empty box has right <= left. */
typedef struct {
  int32_t left, top, right, bottom;
} pic_box;

/* What the first pass has found. */
typedef struct {
  int32_t width, height, y;
  int32_t transparent;     /* a pixel with alpha <= PIC_VISIBLE was seen */
  pic_box opaque, colored; /* content by alpha, by distance from white */
} pic_scan;

/* Where the square lies: its side and its upper left corner in picture coordinates (negative: white is
 * added), and the part of the picture that it shows. */
typedef struct {
  int32_t side, left, top;
  pic_box shown;
} pic_square;

/* The second pass. */
typedef struct {
  pic_square square;
  int32_t y;
  uint64_t sums[PIC_SIZE * PIC_CHANNELS]; /* of the output row that is being added up */
  int32_t row;                            /* that row */
  int8_t* out;                            /* [PIC_SIZE][PIC_SIZE][PIC_CHANNELS] */
} pic_scale;

/* Begins a picture. 0, or -1: a side below 1 or above PIC_MOST_SIDE. */
int32_t pic_scan_begin(pic_scan* scan, int32_t width, int32_t height);
/* The next row, `width` pixels. */
void pic_scan_row(pic_scan* scan, pic_format format, const uint8_t* pixels);
/* After the last row: the square that the network is shown. */
pic_square pic_scan_end(const pic_scan* scan);

/* Begins the second pass into out[PIC_SIZE * PIC_SIZE * PIC_CHANNELS]. */
void pic_scale_begin(pic_scale* scale, const pic_square* square, int8_t* out);
/* The next row of the picture, from its first on; rows that the square does not show cost nothing. */
void pic_scale_row(pic_scale* scale, pic_format format, const uint8_t* pixels);
/* After the last row. */
void pic_scale_end(pic_scale* scale);

/* Reads `bytes` from `offset` of a file: 0, or anything else where it ends before or cannot be read. */
typedef int32_t pic_read(void* context, uint32_t offset, void* to, uint32_t bytes);

/* An open image file: BMP with 8 (palette), 24 or 32 bits a pixel, uncompressed; PGM (P5) and PPM (P6) of 8
 * bits. */
typedef struct {
  pic_read* read;
  void* context;
  int32_t width, height;
  int32_t bytes;           /* of a pixel in the file */
  int32_t swapped;         /* blue comes first */
  uint32_t first, stride;  /* of the top row, and between rows */
  int32_t upwards;         /* the row below lies before, not after */
  uint8_t palette[256][3]; /* of 8 bits a pixel: RGB */
} pic_file;

/* Reads the header. NULL, or what is wrong: "not a BMP or PPM file ...". */
const char* pic_file_open(pic_file* file, pic_read* read, void* context);
/* Row y as RGB into row[4 * width]. 0, or -1 where the file ends before. */
int32_t pic_file_row(const pic_file* file, int32_t y, uint8_t* row);
/* Both passes over a file. row: row_bytes of memory, 4 for each pixel of a row. NULL, or what is wrong. */
const char* pic_file_prepare(const pic_file* file, uint8_t* row, size_t row_bytes, int8_t* out);

/* Row y of a picture, or NULL: it cannot be had. What it points to may change with the next call. */
typedef const uint8_t* pic_row(void* context, int32_t y);

/* Both passes over a picture whose rows a callback gives. 0, or -1: as pic_scan_begin, or a row is missing.
 */
int32_t pic_prepare_rows(pic_format format, int32_t width, int32_t height, pic_row* row, void* context,
                         int8_t* out);
/* The same over a picture in memory, `stride` bytes from row to row. 0, or -1 as pic_scan_begin. */
int32_t pic_prepare(pic_format format, const uint8_t* pixels, int32_t width, int32_t height, size_t stride,
                    int8_t* out);

#ifdef __cplusplus
}
#endif

#endif
