/* Reads FlexBuffers maps from stdin (length, bytes; little-endian) and prints what flexmap_int finds. Each
 * map lies at the end of its own allocation, so that a sanitizer sees one byte too many. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flexmap.h"

int main(int argc, char** argv) {
  unsigned char length[4];
  while (fread(length, 1, 4, stdin) == 4) {
    const size_t size = length[0] | length[1] << 8 | length[2] << 16;
    unsigned char* data = malloc(size ? size : 1);
    if (fread(data, 1, size, stdin) != size) return 1;
    unsigned char* exact = malloc(size);
    if (size) memcpy(exact, data, size);
    for (int i = 1; i < argc; ++i) {
      int64_t value = 0;
      const FlexResult result = flexmap_int(exact, size, argv[i], &value);
      printf("%d:%lld ", result, (long long)value);
    }
    puts("");
    free(exact);
    free(data);
  }
  return 0;
}
