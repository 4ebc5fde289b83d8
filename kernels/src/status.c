#include "internal.h"

const char* bm_status_text(bm_status status) {
  switch (status) {
    case BM_OK:
      return "ok";
    case BM_ERR_NULL:
      return "a required pointer is NULL";
    case BM_ERR_SHAPE:
      return "sizes are not positive, too large, or do not fit together";
    case BM_ERR_LAYOUT:
      return "unknown weight layout";
    case BM_ERR_INDEX:
      return "an id or a position is out of range";
    case BM_ERR_SCRATCH:
      return "the scratch memory is too small";
    case BM_ERR_OPTION:
      return "an attribute has a value that does not exist";
  }
  return "unknown status";
}
