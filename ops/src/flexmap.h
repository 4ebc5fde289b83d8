/* Reader of the integer attributes in a custom op's options: a FlexBuffers map with scalar values.
 * Format: FlexBuffers, flatbuffers.dev ("FlexBuffers" internals): the root's value, its packed type and its
 * width stand at the end; a map is a vector of values, preceded by the offset and the width of its vector of
 * sorted keys.
 *
 * The bytes come from a file: every offset is checked, nothing outside [data, data + size) is read. */
#ifndef BITMAR_FLEXMAP_H_
#define BITMAR_FLEXMAP_H_

#include <stddef.h>
#include <stdint.h>

typedef enum {
  kFlexFound = 0,
  kFlexMissing = 1, /* a sound map without that key */
  kFlexBroken = 2,  /* no map, or one that points outside of itself */
  kFlexNotInt = 3   /* the key is there, its value is not an integer */
} FlexResult;

/* Writes the integer (or bool) that stands under `key` to *value. */
FlexResult flexmap_int(const uint8_t* data, size_t size, const char* key, int64_t* value);

#endif
