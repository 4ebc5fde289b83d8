/** The part of TensorFlow Lite Micro's interface that the firmware's `tflm` engine uses, declared anew: no
 * package of PyPI carries the headers. Without TFLM_TODAY as in the library that platformio.ini pins: enough
 * to compile the environment. With it as in PyPI's `tflite-micro` of October 2026 on x86-64, in names and in
 * layout: what is compiled against it links with that package's library, which has the real interpreter, and
 * runs. tests/mcu/test_tflm_sources.py does both. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace tflite { /* of the schema */
struct Model;
struct Operator;
enum BuiltinOperator : int32_t {
  BuiltinOperator_ADD = 0,
  BuiltinOperator_MUL = 18,
  BuiltinOperator_RESHAPE = 22,
  BuiltinOperator_CUSTOM = 32,
  BuiltinOperator_GATHER = 36,
  BuiltinOperator_SUB = 41,
  BuiltinOperator_CAST = 53,
  BuiltinOperator_EXPAND_DIMS = 70,
};

/** A flatbuffer begins with the offset of its root table. */
inline const Model* GetModel(const void* file) {
  uint32_t root;
  memcpy(&root, file, sizeof root);
  return reinterpret_cast<const Model*>(static_cast<const uint8_t*>(file) + root);
}
}  // namespace tflite

#ifdef TFLM_TODAY
namespace tflite::micro {
#endif

enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };
enum TfLiteType { kTfLiteNoType = 0, kTfLiteFloat32 = 1, kTfLiteInt32 = 2, kTfLiteUInt8 = 3 };
enum TfLiteAllocationType { kTfLiteMemNone = 0, kTfLiteMmapRo = 1, kTfLiteArenaRw = 2 };

struct TfLiteIntArray {
  int size;
  int data[];
};

union TfLitePtrUnion {
  void* data;
  char* raw;
};

struct TfLiteTensor { /* TF_LITE_STATIC_MEMORY */
  struct {
    int type;
    void* params;
  } quantization;
  struct {
    float scale;
    int32_t zero_point;
  } params;
  TfLitePtrUnion data;
  TfLiteIntArray* dims;
  size_t bytes;
  TfLiteType type;
  TfLiteAllocationType allocation_type;
  bool is_variable;
};

struct TfLiteEvalTensor {
  TfLitePtrUnion data;
  TfLiteIntArray* dims;
  TfLiteType type;
};

struct TfLiteNode {
  TfLiteIntArray *inputs, *outputs, *intermediates;
  void* user_data;
};

struct TfLiteContext {
  void* impl_;
};

struct TFLMRegistration {
  void* (*init)(TfLiteContext*, const char*, size_t);
  void (*free)(TfLiteContext*, void*);
  TfLiteStatus (*prepare)(TfLiteContext*, TfLiteNode*);
  TfLiteStatus (*invoke)(TfLiteContext*, TfLiteNode*);
  void (*reset)(TfLiteContext*, void*);
  int32_t builtin_code;
  const char* custom_name;
};

#ifndef TFLM_TODAY
namespace tflite {
#endif

struct BuiltinDataAllocator;
struct MicroProfilerInterface;
struct MicroResourceVariables;

/** Only what stands before and among the methods in use, in the order of the virtual table. */
class MicroContext {
 public:
  virtual ~MicroContext();
  virtual void* AllocatePersistentBuffer(size_t bytes) = 0;
  virtual TfLiteStatus RequestScratchBufferInArena(size_t bytes, int* index) = 0;
  virtual void* GetScratchBuffer(int index) = 0;
  virtual TfLiteTensor* AllocateTempTfLiteTensor(int tensor) = 0;
  TfLiteTensor* AllocateTempInputTensor(const TfLiteNode* node, int index);
  TfLiteTensor* AllocateTempOutputTensor(const TfLiteNode* node, int index);
  virtual void DeallocateTempTfLiteTensor(TfLiteTensor* tensor) = 0;
};

inline MicroContext* GetMicroContext(const TfLiteContext* context) {
  return static_cast<MicroContext*>(context->impl_);
}

#ifdef TFLM_TODAY
using ParseFunction = TfLiteStatus (*)(const Operator*, BuiltinDataAllocator*, void**);
#define TFLM_PARSE(name) TfLiteStatus Parse##name(const Operator*, BuiltinDataAllocator*, void**);
#else
struct ErrorReporter;
using ParseFunction = TfLiteStatus (*)(const Operator*, ErrorReporter*, BuiltinDataAllocator*, void**);
#define TFLM_PARSE(name) \
  TfLiteStatus Parse##name(const Operator*, ErrorReporter*, BuiltinDataAllocator*, void**);
#endif

/* what the engine registers: the function's name, the operator's name */
#define TFLM_BUILTINS(op)                                                                       \
  op(Add, ADD) op(Mul, MUL) op(Sub, SUB) op(Reshape, RESHAPE) op(Gather, GATHER) op(Cast, CAST) \
      op(ExpandDims, EXPAND_DIMS)
#define TFLM_DECLARE(name, NAME)      \
  TFLMRegistration Register_##NAME(); \
  TFLM_PARSE(name)
TFLM_BUILTINS(TFLM_DECLARE)

class MicroOpResolver {
 public:
  virtual const TFLMRegistration* FindOp(BuiltinOperator op) const = 0;
  virtual const TFLMRegistration* FindOp(const char* name) const = 0;
  virtual ParseFunction GetOpDataParser(BuiltinOperator op) const = 0;
  virtual ~MicroOpResolver() {}
};

template <unsigned kMost>
class MicroMutableOpResolver : public MicroOpResolver {
 public:
  const TFLMRegistration* FindOp(BuiltinOperator op) const override {
    for (unsigned i = 0; i < count_; i++)
      if (op != BuiltinOperator_CUSTOM && ops_[i].builtin_code == op) return &ops_[i];
    return nullptr;
  }
  const TFLMRegistration* FindOp(const char* name) const override {
    for (unsigned i = 0; i < count_; i++)
      if (ops_[i].custom_name && strcmp(ops_[i].custom_name, name) == 0) return &ops_[i];
    return nullptr;
  }
  ParseFunction GetOpDataParser(BuiltinOperator op) const override {
    for (unsigned i = 0; i < count_; i++)
      if (ops_[i].builtin_code == op) return parsers_[i];
    return nullptr;
  }
  TfLiteStatus AddCustom(const char* name, const TFLMRegistration* registration) {
    return add(*registration, BuiltinOperator_CUSTOM, name, nullptr);
  }
#define TFLM_ADD(name, NAME) \
  TfLiteStatus Add##name() { return add(Register_##NAME(), BuiltinOperator_##NAME, nullptr, Parse##name); }
  TFLM_BUILTINS(TFLM_ADD)

 private:
  TfLiteStatus add(const TFLMRegistration& op, int32_t code, const char* name, ParseFunction parser) {
    if (count_ == kMost) return kTfLiteError;
    ops_[count_] = op;
    ops_[count_].builtin_code = code;
    ops_[count_].custom_name = name;
    parsers_[count_++] = parser;
    return kTfLiteOk;
  }
  TFLMRegistration ops_[kMost];
  ParseFunction parsers_[kMost];
  unsigned count_ = 0;
};

class MicroInterpreter {
 public:
#ifdef TFLM_TODAY
  MicroInterpreter(const Model* model, const MicroOpResolver& resolver, uint8_t* arena, size_t bytes,
                   MicroResourceVariables* variables = nullptr, MicroProfilerInterface* profiler = nullptr,
                   bool preserve_all_tensors = false);
#else
  MicroInterpreter(const Model* model, const MicroOpResolver& resolver, uint8_t* arena, size_t bytes,
                   MicroResourceVariables* variables = nullptr, MicroProfilerInterface* profiler = nullptr);
#endif
  ~MicroInterpreter();
  TfLiteStatus AllocateTensors();
  TfLiteStatus Invoke();
  TfLiteTensor* input(size_t index);
  TfLiteTensor* output(size_t index);

 private:
  alignas(16) uint8_t members_[512]; /* it has 144 bytes in October 2026 */
};

#ifndef TFLM_TODAY
namespace micro {
#endif

TFLMRegistration RegisterOp(void* (*init)(TfLiteContext*, const char*, size_t),
                            TfLiteStatus (*prepare)(TfLiteContext*, TfLiteNode*),
                            TfLiteStatus (*invoke)(TfLiteContext*, TfLiteNode*),
                            void (*free)(TfLiteContext*, void*) = nullptr,
                            void (*reset)(TfLiteContext*, void*) = nullptr);
const TfLiteEvalTensor* GetEvalInput(const TfLiteContext* context, const TfLiteNode* node, int index);
TfLiteEvalTensor* GetEvalOutput(const TfLiteContext* context, const TfLiteNode* node, int index);

#ifdef TFLM_TODAY
}  // namespace tflite::micro
#else
}  // namespace micro
}  // namespace tflite
#endif
