#include "decode.h"

#include <stdlib.h>
#include <string.h>

#include "bitmar_kernels.h"
#include "calls.h"
#include "plugin.h"

#define EXPORT __attribute__((visibility("default")))

/* A result of the first part that the steps read: meanwhile its data stand in memory of their own, because
 * the runtime gives a tensor's memory to others after its last reader. */
typedef struct {
  int tensor;
  void *memory, *arena;
} Kept;

typedef struct {
  TflContext* context;
  Call *once, *steps; /* calls whose results are the same in all steps, and the others */
  int once_count, step_count;
  Kept* kept;
  int kept_count;
} Stream;

static TflTensor* tensor_of(const TflContext* context, int32_t index) {
  return index >= 0 && (size_t)index < context->tensors_size ? &context->tensors[index] : NULL;
}

static bool holds(const TflContext* context, int32_t index, TflType type, int32_t count) {
  const TflTensor* t = tensor_of(context, index);
  return t && t->type == type && t->data.raw && t->bytes == 4 * (size_t)count;
}

static bool fits(const TflContext* context, const DecoderGraph* g) {
  const TflTensor* ids = tensor_of(context, g->ids);
  return holds(context, g->token, kTflInt32, 1) && holds(context, g->position, kTflInt32, 1) &&
         holds(context, g->slot, kTflInt32, 1) &&
         holds(context, g->context, kTflFloat32, g->context_floats) &&
         holds(context, g->latent, kTflFloat32, g->latent_floats) && ids && ids->type == kTflInt32 &&
         ids->data.raw && ids->bytes >= sizeof(int32_t);
}

static bool any(const TflIntArray* tensors, const bool* marked) {
  for (int i = 0; i < tensors->size; ++i) {
    if (tensors->data[i] >= 0 && marked[tensors->data[i]]) return true;
  }
  return false;
}

static void mark(const TflIntArray* tensors, bool* marked) {
  for (int i = 0; i < tensors->size; ++i) {
    if (tensors->data[i] >= 0) marked[tensors->data[i]] = true;
  }
}

/* Splits the calls by what they depend on: `changes` are the tensors that differ between steps, `made` those
 * that the first part computes. */
static void split(const Calls* calls, bool* changes, bool* made, Stream* stream) {
  for (int i = 0; i < calls->count; ++i) {
    const Call call = calls->calls[i];
    if (any(call.node->inputs, changes)) {
      mark(call.node->outputs, changes);
      stream->steps[stream->step_count++] = call;
    } else {
      mark(call.node->outputs, made);
      stream->once[stream->once_count++] = call;
    }
  }
}

/* Gives what the steps read of the first part memory of its own. */
static bool keep(Stream* stream, const bool* made) {
  for (int i = 0; i < stream->step_count; ++i) {
    const TflIntArray* inputs = stream->steps[i].node->inputs;
    for (int j = 0; j < inputs->size; ++j) {
      TflTensor* t = tensor_of(stream->context, inputs->data[j]);
      if (!t || !made[inputs->data[j]] || t->allocation_type != kTflArenaRw) continue;
      int k = 0;
      while (k < stream->kept_count && stream->kept[k].tensor != inputs->data[j]) ++k;
      if (k < stream->kept_count) continue;
      void* memory = aligned_alloc(64, (t->bytes + 63) / 64 * 64);
      if (!memory) return false;
      stream->kept[stream->kept_count++] = (Kept){inputs->data[j], memory, t->data.raw};
      t->data.raw = memory;
    }
  }
  return true;
}

static void close_stream(Stream* stream) {
  for (int k = 0; k < stream->kept_count; ++k) {
    stream->context->tensors[stream->kept[k].tensor].data.raw = stream->kept[k].arena;
    free(stream->kept[k].memory);
  }
  free(stream->kept);
  free(stream->once);
  free(stream->steps);
}

/* False: out of memory. close_stream() afterwards in any case. */
static bool open_stream(const Calls* calls, const DecoderGraph* g, Stream* stream) {
  TflContext* context = calls->context;
  const size_t tensors = context->tensors_size, count = (size_t)calls->count;
  memset(stream, 0, sizeof *stream);
  stream->context = context;
  bool *changes = calloc(tensors, sizeof *changes), *made = calloc(tensors, sizeof *made);
  stream->once = calloc(count, sizeof(Call));
  stream->steps = calloc(count, sizeof(Call));
  stream->kept = calloc(tensors, sizeof(Kept));
  bool complete = changes && made && stream->once && stream->steps && stream->kept;
  if (complete) {
    changes[g->token] = changes[g->position] = changes[g->slot] = true;
    for (size_t t = 0; t < tensors; ++t) {
      if (!context->tensors[t].is_variable) continue;
      changes[t] = true;
      memset(context->tensors[t].data.raw, 0, context->tensors[t].bytes);
    }
    split(calls, changes, made, stream);
    complete = keep(stream, made);
  }
  free(changes);
  free(made);
  return complete;
}

static bool run(TflContext* context, const Call* calls, int count) {
  for (int i = 0; i < count; ++i) {
    if (calls[i].invoke(context, calls[i].node) != kTflOk) return false;
  }
  return true;
}

static int32_t decode(const Stream* stream, const DecoderGraph* g, int32_t limit, int32_t* tokens) {
  TflContext* context = stream->context;
  if (!run(context, stream->once, stream->once_count)) return kDecodeFailed;
  int32_t token = g->bos;
  for (int32_t n = 0; n < limit; ++n) {
    *context->tensors[g->token].data.i32 = token;
    *context->tensors[g->position].data.i32 = n;
    *context->tensors[g->slot].data.i32 = bm_cache_slot(n, g->window, g->sinks);
    if (!run(context, stream->steps, stream->step_count)) return kDecodeFailed;
    token = context->tensors[g->ids].data.i32[0];
    if (token == g->eos) return n;
    tokens[n] = token;
  }
  return limit;
}

EXPORT int32_t bm_decode(TflDelegate* delegate, const DecoderGraph* graph, const float* context,
                         const float* latent, int32_t limit, int32_t* tokens) {
  const Plugin* plugin = delegate ? delegate->data_ : NULL;
  if (!plugin || !plugin->calls) return kDecodeNoGraph;
  TflContext* tfl = plugin->calls->context;
  if (!fits(tfl, graph)) return kDecodeTensors;
  memcpy(tfl->tensors[graph->context].data.raw, context, 4 * (size_t)graph->context_floats);
  memcpy(tfl->tensors[graph->latent].data.raw, latent, 4 * (size_t)graph->latent_floats);
  const bm_fp_state saved = bm_fp_enter(); /* for the runtime's own ops */
  Stream stream;
  const int32_t count = open_stream(plugin->calls, graph, &stream) ? decode(&stream, graph, limit, tokens)
                                                                   : (int32_t)kDecodeMemory;
  close_stream(&stream);
  bm_fp_leave(saved);
  return count;
}
