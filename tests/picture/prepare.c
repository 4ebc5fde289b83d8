/* prepare IN OUT: IN is image files one behind the other, each after its size in four bytes; OUT gets their
 * 128 x 128 x 3 bytes, or "no:" and what is wrong padded with zeros to as many. Files are read from memory of
 * exactly their size, for sanitizers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bitmar_picture.h"

enum { OUT_BYTES = PIC_SIZE * PIC_SIZE * PIC_CHANNELS, ROW_BYTES = 4 * 700 };

typedef struct {
  const uint8_t* bytes;
  uint32_t size;
} content;

static int32_t read_content(void* context, uint32_t offset, void* to, uint32_t bytes) {
  const content* c = context;
  if (offset > c->size || bytes > c->size - offset) return -1;
  memcpy(to, c->bytes + offset, bytes);
  return 0;
}

int main(int argc, char** argv) {
  FILE *in = argc == 3 ? fopen(argv[1], "rb") : NULL, *out = in ? fopen(argv[2], "wb") : NULL;
  uint32_t size;
  if (!out) return 1;
  while (fread(&size, 1, 4, in) == 4) {
    uint8_t *bytes = malloc(size ? size : 1), *row = malloc(ROW_BYTES);
    int8_t* pixels = calloc(OUT_BYTES, 1);
    if (!bytes || !row || !pixels || fread(bytes, 1, size, in) != size) return 1;
    content c = {bytes, size};
    pic_file file;
    const char* problem = pic_file_open(&file, read_content, &c);
    if (!problem) problem = pic_file_prepare(&file, row, ROW_BYTES, pixels);
    if (problem) {
      memset(pixels, 0, OUT_BYTES);
      snprintf((char*)pixels, OUT_BYTES, "no:%s", problem);
    }
    fwrite(pixels, 1, OUT_BYTES, out);
    free(bytes), free(row), free(pixels);
  }
  return fclose(out) != 0;
}
