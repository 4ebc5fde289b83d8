/* The rows of bitmar_ops.def, for the sources of ops/. */
#ifndef BITMAR_OPS_TABLE_H_
#define BITMAR_OPS_TABLE_H_

#include "bitmar_ops.h"

typedef struct op_entry {
  const char* name;
  int version;
  const char *inputs, *outputs;               /* a letter for each tensor */
  const char* attributes[BM_OP_MOST_OPTIONS]; /* NULL behind the last */
} op_entry;

extern const op_entry op_table[BM_OP_COUNT];

/* Of an input's letter: may it be left out? */
static inline bool op_optional(char letter) { return letter >= 'A' && letter <= 'Z'; }

#endif
