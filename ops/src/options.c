/* bm_op_read: the integers in a node's options. */
#include <limits.h>
#include <string.h>

#include "flexmap.h"
#include "reason.h"
#include "table.h"

static bool read_int(const void* options, size_t bytes, const char* name, int* value, bm_op_reason* why) {
  int64_t found = 0;
  switch (flexmap_int(options, bytes, name, &found)) {
    case kFlexFound:
      break;
    case kFlexMissing:
      return op_refuse(why, "attribute '%s' is missing", name);
    case kFlexNotInt:
      return op_refuse(why, "attribute '%s' is not an integer", name);
    default:
      return op_refuse(why, "its options are not a FlexBuffers map");
  }
  if (found < 0 || found > INT_MAX) {
    return op_refuse(why, "attribute '%s' is %lld, expected 0 to %d", name, (long long)found, INT_MAX);
  }
  *value = (int)found;
  return true;
}

bool bm_op_read(int kind, const void* options, size_t bytes, bm_op* op, bm_op_reason* why) {
  const op_entry* entry = &op_table[kind];
  memset(op, 0, sizeof *op);
  op->kind = kind;
  int* value = op->options.values;
  if (!read_int(options, bytes, "version", value, why)) return false;
  if (*value != entry->version) return op_refuse(why, "version %d, expected %d", *value, entry->version);
  for (const char* const* name = entry->attributes; *name; ++name) {
    if (!read_int(options, bytes, *name, ++value, why)) return false;
  }
  return true;
}
