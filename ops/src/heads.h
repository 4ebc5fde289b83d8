/* The heads of an attention. */
#ifndef BITMAR_OPS_HEADS_H_
#define BITMAR_OPS_HEADS_H_

#include "reason.h"

/* `width` numbers divide evenly among `heads`. */
static inline bool op_check_heads(int heads, int width, bm_op_reason* why) {
  if (heads >= 1 && width >= 1 && width % heads == 0) return true;
  return op_refuse(why, "width %d with %d heads, expected a multiple", width, heads);
}

#endif
