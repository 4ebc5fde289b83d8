/* Writing a bm_op_reason. */
#ifndef BITMAR_OPS_REASON_H_
#define BITMAR_OPS_REASON_H_

#include "bitmar_ops.h"

/* Returns false after writing the reason: printf's format, of which %s, %d and %lld are known (the firmware
 * has no printf). A text that is too long is cut. */
bool op_refuse(bm_op_reason* why, const char* format, ...) __attribute__((format(printf, 2, 3)));

#endif
