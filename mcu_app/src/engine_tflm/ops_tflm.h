/** The BITMAR_* ops (ops/) as kernels of TensorFlow Lite Micro.
 *
 *  Compiles against the sources of 2022 (the library in PlatformIO's registry) and of today: types move
 * between `tflite` and `tflite::micro`, and the registration changed its name, so both namespaces are opened
 * and the registration's type is what RegisterOp returns. Only MicroContext's methods are used. */
#pragma once
#include <cstring>

#include "bitmar_ops.h"
#include "tensorflow/lite/c/common.h"
#include "tensorflow/lite/kernels/kernel_util.h"
#include "tensorflow/lite/micro/kernels/kernel_util.h"
#include "tensorflow/lite/micro/micro_context.h"

namespace tflite {
namespace micro {}  // namespace micro
}  // namespace tflite

namespace bitmar {
using namespace ::tflite;
using namespace ::tflite::micro;

/** Scratch that all ops share, for matrices of up to 1,024 columns (64 positions of an episode, 16 numbers
 * each): they run one after the other. Its size is checked when a model is prepared. */
constexpr size_t kOpScratchBytes = BM_TOKEN_BYTES(1024);
inline uint8_t* op_scratch_memory() {
  alignas(16) static uint8_t scratch[kOpScratchBytes];
  return scratch;
}

/** Why an op was refused last: "BITMAR_TERNARY_FC: version 2, expected 1"; empty: none was. */
inline char* refusal() {
  static char text[sizeof(bm_op_reason) + 32];  // the longest name has 23 characters
  return text;
}

inline TfLiteStatus refuse(int kind, const char* reason) {
  char* text = refusal();
  std::strcpy(text, bm_op_name(kind));
  std::strcat(text, ": ");
  std::strcat(text, reason);
  return kTfLiteError;
}

/** The node's op; its kind is -1 if the options were refused. */
template <int kKind>
void* init(TfLiteContext* context, const char* options, size_t bytes) {
  void* memory = GetMicroContext(context)->AllocatePersistentBuffer(sizeof(bm_op));
  auto* op = static_cast<bm_op*>(memory);
  bm_op_reason why;
  if (op && !bm_op_read(kKind, options, bytes, op, &why)) {
    refuse(kKind, why.text);
    op->kind = -1;
  }
  return op;
}

inline char type_letter(TfLiteType type) {
  return type == kTfLiteFloat32 ? 'f' : type == kTfLiteInt32 ? 'i' : type == kTfLiteUInt8 ? 'u' : '?';
}

/** One side of a node before memory is planned: temporary tensors of the interpreter, given back at the end.
 */
class PreparedTensors {
 public:
  using Allocate = TfLiteTensor* (MicroContext::*)(const TfLiteNode*, int);

  PreparedTensors(MicroContext* context, const TfLiteNode* node, Allocate allocate, int count)
      : plain{}, context_(context), count_(count) {
    for (int i = 0; i < count; i++) {
      const TfLiteTensor* t = tensors_[i] = (context->*allocate)(node, i);
      if (!t) continue;
      plain[i].dims = t->dims->data;
      plain[i].rank = t->dims->size;
      plain[i].bytes = t->bytes;
      plain[i].type = type_letter(t->type);
      plain[i].constant = t->allocation_type == kTfLiteMmapRo;
      plain[i].variable = t->is_variable;
    }
  }
  ~PreparedTensors() {
    for (int i = count_; i-- > 0;)
      if (tensors_[i]) context_->DeallocateTempTfLiteTensor(tensors_[i]);
  }
  PreparedTensors(const PreparedTensors&) = delete;
  PreparedTensors& operator=(const PreparedTensors&) = delete;

  bm_op_tensor plain[BM_OP_MOST_INPUTS];

 private:
  MicroContext* context_;
  int count_;
  TfLiteTensor* tensors_[BM_OP_MOST_INPUTS];
};
static_assert(BM_OP_MOST_OUTPUTS <= BM_OP_MOST_INPUTS, "room for either side");

inline TfLiteStatus prepare(TfLiteContext* context, TfLiteNode* node) {
  const auto* op = static_cast<const bm_op*>(node->user_data);
  if (!op || op->kind < 0) return kTfLiteError;
  bm_op_reason why;
  if (!bm_op_check_arity(op->kind, node->inputs->size, node->outputs->size, &why))
    return refuse(op->kind, why.text);
  MicroContext* micro = GetMicroContext(context);
  const PreparedTensors in(micro, node, &MicroContext::AllocateTempInputTensor, node->inputs->size);
  const PreparedTensors out(micro, node, &MicroContext::AllocateTempOutputTensor, node->outputs->size);
  bm_op_plan plan;
  if (!bm_op_check(op, in.plain, out.plain, &plan, &why) || !bm_op_check_outputs(op, &plan, out.plain, &why))
    return refuse(op->kind, why.text);
  if (plan.scratch_bytes > kOpScratchBytes) return refuse(op->kind, "needs more scratch than this build has");
  return kTfLiteOk;
}

inline bm_op_tensor plain(const TfLiteEvalTensor* tensor) {
  bm_op_tensor result = {};
  result.data = tensor->data.data;
  result.dims = tensor->dims->data;
  result.rank = tensor->dims->size;
  return result;
}

inline TfLiteStatus invoke(TfLiteContext* context, TfLiteNode* node) {
  const auto* op = static_cast<const bm_op*>(node->user_data);
  bm_op_tensor in[BM_OP_MOST_INPUTS] = {}, out[BM_OP_MOST_OUTPUTS];
  for (int i = 0; i < node->inputs->size; i++) in[i] = plain(GetEvalInput(context, node, i));
  for (int i = 0; i < node->outputs->size; i++) out[i] = plain(GetEvalOutput(context, node, i));
  const bm_status status = bm_op_run(op, in, out, op_scratch_memory(), kOpScratchBytes);
  return status == BM_OK ? kTfLiteOk : refuse(op->kind, bm_status_text(status));
}

/** TfLiteRegistration until 2022, TFLMRegistration since. */
using Registration = decltype(RegisterOp(init<0>, prepare, invoke));

template <int kKind>
Registration* registration() {
  static Registration registered = RegisterOp(init<kKind>, prepare, invoke);
  return &registered;
}

/** All of them into a resolver; true if it had room. */
template <typename Resolver>
bool add_ops(Resolver* resolver) {
#define BM_OP(NAME, name, version, inputs, outputs, attributes) \
  if (resolver->AddCustom(bm_op_name(BM_OP_##NAME), registration<BM_OP_##NAME>()) != kTfLiteOk) return false;
#include "bitmar_ops.def"
#undef BM_OP
  return true;
}

}  // namespace bitmar
