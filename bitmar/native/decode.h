/* A whole answer of the decoder's graph in one call: greedy, from <bos> on. */
#ifndef BITMAR_DECODE_H_
#define BITMAR_DECODE_H_

#include <stdint.h>

#include "tfl_abi.h"

/* Which tensors of the graph mean what, and how a stream begins and ends. Seen by bitmar/decoding.py. */
typedef struct {
  int32_t token, position, slot; /* inputs, int32 [1]: another in each step */
  int32_t context, latent;       /* inputs, float32: the same in all steps */
  int32_t ids;                   /* output, int32 [k]: the best token first */
  int32_t context_floats, latent_floats;
  int32_t bos, eos;      /* eos < 0: nothing ends the stream before its limit */
  int32_t window, sinks; /* of the key/value caches */
} DecoderGraph;

enum { kDecodeNoGraph = -1, kDecodeTensors = -2, kDecodeMemory = -3, kDecodeFailed = -4 };

/* Decodes the graph that was prepared with `delegate`: at most `limit` tokens go to tokens[limit], <eos> is
 * left out. What depends on context and latent alone is computed once, before the first step. The graph's
 * variable tensors start from zero. Returns the number of tokens, or one of the above: no graph with this
 * delegate, tensors of other types or sizes, out of memory, an op that refused its input. */
int32_t bm_decode(TflDelegate* delegate, const DecoderGraph* graph, const float* context, const float* latent,
                  int32_t limit, int32_t* tokens);

#endif
