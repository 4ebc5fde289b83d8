/* A prepared graph as the list of calls that its runtime makes of it, for a loop that runs it many times
 * without going back to the runtime in between. */
#ifndef BITMAR_CALLS_H_
#define BITMAR_CALLS_H_

#include "tfl_abi.h"

typedef struct {
  TflNode* node;
  TflStatus (*invoke)(TflContext*, TflNode*);
} Call;

typedef struct {
  TflContext* context; /* of the runtime; it lives as long as the graph's nodes */
  int count;
  Call calls[];
} Calls;

/* The calls of a graph in order, after the last node was replaced: the runtime moves its nodes before. NULL:
 * out of memory, or nodes that cannot be looked at. To be freed by free(). */
Calls* calls_of(TflContext* context);

#endif
