/** The `tflm` engine: TensorFlow Lite Micro's interpreter on the flatbuffers in flash, or on those of the
 * card in external RAM. The graphs run one after the other, so one arena serves all: an interpreter is made
 * anew in it for each encoding, read-out and stream. */
#include <cstring>
#include <new>

#include "board.h"
#include "engine.h"
#include "ops_tflm.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

#ifndef BITMAR_TFLM_ARENA_BYTES
#define BITMAR_TFLM_ARENA_BYTES (256 * 1024) /* deploy/tflm_arena.py measures what a model needs */
#endif
#ifndef BITMAR_EXTERNAL_RAM
#ifdef __IMXRT1062__
#define BITMAR_EXTERNAL_RAM __attribute__((section(".externalram"))) /* Teensy's EXTMEM */
#else
#define BITMAR_EXTERNAL_RAM __attribute__((section(".sdram")))
#endif
#endif
#ifndef BITMAR_EXTERNAL_MODEL_BYTES
#define BITMAR_EXTERNAL_MODEL_BYTES 0 /* room for flatbuffers from the card; 0: only those in flash */
#endif

using bitmar::add_ops;
namespace {
using namespace ::tflite;
using namespace ::tflite::micro;
using Resolver = MicroMutableOpResolver<BM_OP_COUNT + 7>;

alignas(16) uint8_t arena[BITMAR_TFLM_ARENA_BYTES];
#if BITMAR_EXTERNAL_MODEL_BYTES
BITMAR_EXTERNAL_RAM alignas(16) uint8_t loaded[BITMAR_EXTERNAL_MODEL_BYTES];
#endif

enum { kEncoder, kRecall, kDecoder, kGraphs };
const uint8_t* graphs[kGraphs] = {bitmar_encoder, bitmar_recall, bitmar_decoder};
const char* const kFiles[kGraphs] = {"model/encoder.tflite", "model/recall.tflite", "model/decoder.tflite"};

/* inputs and outputs in the order of the converted files (docs/custom-ops.md) */
enum { kTokens, kMask, kVision };
enum { kEpisode, kKey, kQuery, kLatent };
enum { kScores, kSlots, kSlotMask };
enum { kToken, kPosition, kSlot, kContext, kDecoderLatent };
enum { kIds, kLogits };

Resolver* resolver() {
  static Resolver ops;
  static const bool complete = add_ops(&ops) && ops.AddAdd() == kTfLiteOk && ops.AddMul() == kTfLiteOk &&
                               ops.AddSub() == kTfLiteOk && ops.AddReshape() == kTfLiteOk &&
                               ops.AddGather() == kTfLiteOk && ops.AddCast() == kTfLiteOk &&
                               ops.AddExpandDims() == kTfLiteOk;
  return complete ? &ops : nullptr;
}

alignas(MicroInterpreter) uint8_t interpreter_memory[sizeof(MicroInterpreter)];
MicroInterpreter* interpreter;

struct {
  const float *context, *latent;
  int32_t position;
} stream;

/* A fresh interpreter for one graph; variable tensors begin with zeros. */
bool open_graph(int graph) {
  if (interpreter) interpreter->~MicroInterpreter();
  interpreter =
      new (interpreter_memory) MicroInterpreter(GetModel(graphs[graph]), *resolver(), arena, sizeof arena);
  return interpreter->AllocateTensors() == kTfLiteOk;
}

/* The tensor's bytes, if there are as many as expected: a flatbuffer from the card may be of another size. */
template <typename T>
T* tensor_data(TfLiteTensor* tensor, size_t count) {
  return tensor && tensor->bytes == count * sizeof(T) ? static_cast<T*>(static_cast<void*>(tensor->data.raw))
                                                      : nullptr;
}

template <typename T>
bool give(int index, const T* values, size_t count) {
  T* data = tensor_data<T>(interpreter->input(index), count);
  if (data) std::memcpy(data, values, count * sizeof(T));
  return data != nullptr;
}

template <typename T>
bool take(int index, T* values, size_t count) {
  const T* data = tensor_data<T>(interpreter->output(index), count);
  if (data) std::memcpy(values, data, count * sizeof(T));
  return data != nullptr;
}

uint8_t model_hash[8] = BITMAR_MODEL_HASH;

#if BITMAR_EXTERNAL_MODEL_BYTES
int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

/* The 16 hex digits behind "model_hash" in model/model.json; the arena is free now and holds the file. */
bool read_hash(uint8_t* hash) {
  const int32_t bytes = board_load("model/model.json", arena, sizeof arena - 1);
  if (bytes <= 0) return false;
  arena[bytes] = 0;
  const char* at = std::strstr(reinterpret_cast<const char*>(arena), "\"model_hash\"");
  if (!at || !(at = std::strchr(at, ':')) || !(at = std::strchr(at, '"'))) return false;
  for (int i = 0; i < 8; i++) {
    const int high = hex_digit(at[1 + 2 * i]), low = high < 0 ? -1 : hex_digit(at[2 + 2 * i]);
    if (low < 0) return false;
    hash[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return true;
}

/* The flatbuffers of the card, if all are there: a new model of the same sizes and vocabulary needs no new
 * firmware. */
void load_from_card() {
  uint8_t hash[8];
  if (!read_hash(hash)) return;
  uint32_t used = 0;
  const uint8_t* found[kGraphs];
  for (int graph = 0; graph < kGraphs; graph++) {
    const int32_t bytes = board_load(kFiles[graph], loaded + used, sizeof loaded - used);
    if (bytes < 8 || std::memcmp(loaded + used + 4, "TFL3", 4) != 0) return;
    found[graph] = loaded + used;
    used += (static_cast<uint32_t>(bytes) + 15u) & ~15u;
  }
  std::memcpy(graphs, found, sizeof graphs);
  std::memcpy(model_hash, hash, sizeof model_hash);
}
#endif
}  // namespace

extern "C" {

const char* engine_open(void) {
  if (!resolver()) return "the interpreter has no room for the model's operators";
#if BITMAR_EXTERNAL_MODEL_BYTES
  load_from_card();
#endif
  for (int graph = 0; graph < kGraphs; graph++)
    if (!open_graph(graph))
      return bitmar::refusal()[0]
                 ? bitmar::refusal()
                 : "the interpreter cannot prepare the model: arena too small, or an unknown operator";
  return nullptr;
}

const uint8_t* engine_model_hash(void) { return model_hash; }
const char* engine_name(void) { return "tflm"; }
uint32_t engine_arena_bytes(void) { return sizeof arena; }

bool engine_encode(const int32_t* tokens, int32_t count, const engine_picture* picture,
                   engine_encoding* encoding) {
  if (count < 0 || count > BITMAR_TOKENS - 1 || !open_graph(kEncoder)) return false;
  int32_t* ids = tensor_data<int32_t>(interpreter->input(kTokens), BITMAR_TOKENS);
  int32_t* mask = tensor_data<int32_t>(interpreter->input(kMask), BITMAR_TOKENS);
  float* vision = tensor_data<float>(interpreter->input(kVision), BITMAR_VISION);
  if (!ids || !mask || !vision) return false;
  for (int32_t i = 0; i < BITMAR_TOKENS; i++) {
    ids[i] = i < count ? tokens[i] : BITMAR_PAD;
    mask[i] = i < count;
  }
  for (int32_t i = 0; i < BITMAR_VISION; i++)
    vision[i] = picture ? static_cast<float>(picture->q[i]) * picture->scale : 0.0f;
  return interpreter->Invoke() == kTfLiteOk && take(kEpisode, encoding->episode, BITMAR_DIM) &&
         take(kKey, encoding->key, BITMAR_DIM) && take(kQuery, encoding->query, BITMAR_DIM) &&
         take(kLatent, encoding->latent, BITMAR_LATENT);
}

bool engine_recall(const float* scores, const float* slots, const int32_t* mask, float* context) {
  return open_graph(kRecall) && give(kScores, scores, BITMAR_TOP_SLOTS) &&
         give(kSlots, slots, BITMAR_TOP_SLOTS * BITMAR_DIM) && give(kSlotMask, mask, BITMAR_TOP_SLOTS) &&
         interpreter->Invoke() == kTfLiteOk && take(0, context, BITMAR_DIM);
}

void engine_start(const float* context, const float* latent) {
  stream.context = context;
  stream.latent = latent;
  stream.position = open_graph(kDecoder) ? 0 : -1;
}

bool engine_step(int32_t token, int32_t* ids, float* logits) {
  if (stream.position < 0) return false;
  const int32_t slot = bm_cache_slot(stream.position, BITMAR_WINDOW, BITMAR_SINKS);
  if (!give(kToken, &token, 1) || !give(kPosition, &stream.position, 1) || !give(kSlot, &slot, 1) ||
      !give(kContext, stream.context, BITMAR_DIM) || !give(kDecoderLatent, stream.latent, BITMAR_LATENT) ||
      interpreter->Invoke() != kTfLiteOk)
    return false;
  stream.position++;
  return take(kIds, ids, BITMAR_TOP_TOKENS) && take(kLogits, logits, BITMAR_TOP_TOKENS);
}

}  // extern "C"
