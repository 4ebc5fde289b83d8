#include "flexmap.h"

#include <string.h>

/* Types of FlexBuffers that matter here; the packed type is type * 4 + log2(width). */
enum { kInt = 1, kUInt = 2, kIndirectInt = 6, kIndirectUInt = 7, kMap = 9, kBool = 26 };

typedef struct {
  const uint8_t* data;
  size_t size;
} Bytes;

/* A place inside the buffer; kNowhere stands for "outside". */
#define NOWHERE SIZE_MAX

static int valid_width(size_t width) { return width == 1 || width == 2 || width == 4 || width == 8; }

/* Little-endian unsigned number of `width` bytes at `at`. */
static int read_uint(Bytes b, size_t at, size_t width, uint64_t* value) {
  if (at == NOWHERE || width > b.size || at > b.size - width) return 0;
  *value = 0;
  for (size_t i = 0; i < width; ++i) *value |= (uint64_t)b.data[at + i] << (8 * i);
  return 1;
}

/* Follows the backward offset stored at `at`. */
static size_t follow(Bytes b, size_t at, size_t width) {
  uint64_t offset;
  if (!read_uint(b, at, width, &offset) || offset > at) return NOWHERE;
  return at - (size_t)offset;
}

static int key_equals(Bytes b, size_t at, const char* key) {
  const size_t length = strlen(key) + 1; /* with the terminating zero */
  return at != NOWHERE && length <= b.size && at <= b.size - length && memcmp(b.data + at, key, length) == 0;
}

static FlexResult read_int(Bytes b, size_t at, size_t width, int type, int64_t* value) {
  const int type_class = type >> 2;
  if (type_class == kIndirectInt || type_class == kIndirectUInt) {
    at = follow(b, at, width);
    width = (size_t)1 << (type & 3);
  } else if (type_class != kInt && type_class != kUInt && type_class != kBool) {
    return kFlexNotInt;
  }
  uint64_t raw;
  if (!read_uint(b, at, width, &raw)) return kFlexBroken;
  if ((type_class == kInt || type_class == kIndirectInt) && width < 8) {
    const uint64_t sign = (uint64_t)1 << (8 * width - 1);
    raw = (raw ^ sign) - sign;
  }
  *value = (int64_t)raw;
  return kFlexFound;
}

FlexResult flexmap_int(const uint8_t* data, size_t size, const char* key, int64_t* value) {
  const Bytes b = {data, size};
  if (!data || size < 3) return kFlexBroken;
  const size_t root_width = data[size - 1];
  if (!valid_width(root_width) || data[size - 2] >> 2 != kMap || size < 2 + root_width) return kFlexBroken;
  const size_t width = (size_t)1 << (data[size - 2] & 3); /* of the map's own values */
  const size_t map = follow(b, size - 2 - root_width, root_width);
  if (map == NOWHERE || map < 3 * width) return kFlexBroken;

  uint64_t count, key_width;
  if (!read_uint(b, map - width, width, &count) || !read_uint(b, map - 2 * width, width, &key_width)) {
    return kFlexBroken;
  }
  const size_t keys = follow(b, map - 3 * width, width);
  if (keys == NOWHERE || !valid_width((size_t)key_width) || count > size) return kFlexBroken;

  for (size_t i = 0; i < (size_t)count; ++i) {
    if (!key_equals(b, follow(b, keys + i * (size_t)key_width, (size_t)key_width), key)) continue;
    uint64_t type;
    if (!read_uint(b, map + (size_t)count * width + i, 1, &type)) return kFlexBroken;
    return read_int(b, map + i * width, width, (int)type, value);
  }
  return kFlexMissing;
}
