/** The BITMAR_* ops as kernels of TensorFlow Lite Micro.
 *
 *  Compiles against the sources of 2022 (the library in PlatformIO's registry) and of today: types move
 * between `tflite` and `tflite::micro`, and the registration changed its name, so both namespaces are opened
 * and the registration's type is what RegisterOp returns. Only MicroContext's methods are used. */
#pragma once
#include "op_run.h"
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

/** Scratch that all ops share: they run one after the other. Its size is checked when a model is prepared. */
constexpr size_t kOpScratchBytes = 4096;
inline uint8_t* op_scratch_memory() {
  alignas(16) static uint8_t scratch[kOpScratchBytes];
  return scratch;
}

template <int kKind>
void* init(TfLiteContext* context, const char* options, size_t bytes) {
  void* memory = GetMicroContext(context)->AllocatePersistentBuffer(sizeof(op_attributes));
  auto* attributes = static_cast<op_attributes*>(memory);
  if (attributes && op_read(kKind, reinterpret_cast<const uint8_t*>(options), bytes, attributes) != 0)
    attributes->kind = -1;
  return attributes;
}

template <typename Tensor>
op_tensor plain(const Tensor* tensor) {
  return {tensor->data.data, tensor->dims->data, tensor->dims->size};
}

inline TfLiteStatus prepare(TfLiteContext* context, TfLiteNode* node) {
  const auto* attributes = static_cast<const op_attributes*>(node->user_data);
  if (!attributes || attributes->kind < 0) return kTfLiteError;
  const op_kind& kind = op_kinds[attributes->kind];
  if (node->inputs->size != kind.inputs || node->outputs->size != kind.outputs) return kTfLiteError;
  MicroContext* micro_context = GetMicroContext(context);
  TfLiteTensor* keys = micro_context->AllocateTempInputTensor(node, 1);
  if (!keys) return kTfLiteError;
  op_tensor inputs[OP_MOST_INPUTS] = {};
  inputs[1] = {nullptr, keys->dims->data, keys->dims->size};
  const size_t bytes = op_scratch(attributes, inputs);
  micro_context->DeallocateTempTfLiteTensor(keys);
  return bytes <= kOpScratchBytes ? kTfLiteOk : kTfLiteError;
}

inline TfLiteStatus invoke(TfLiteContext* context, TfLiteNode* node) {
  const auto* attributes = static_cast<const op_attributes*>(node->user_data);
  const op_kind& kind = op_kinds[attributes->kind];
  op_tensor inputs[OP_MOST_INPUTS], outputs[OP_MOST_OUTPUTS];
  for (int i = 0; i < kind.inputs; i++) inputs[i] = plain(GetEvalInput(context, node, i));
  for (int i = 0; i < kind.outputs; i++) outputs[i] = plain(GetEvalOutput(context, node, i));
  const bm_status status = op_run(attributes, inputs, outputs, op_scratch_memory(), kOpScratchBytes);
  return status == BM_OK ? kTfLiteOk : kTfLiteError;
}

/** TfLiteRegistration until 2022, TFLMRegistration since. */
using Registration = decltype(RegisterOp(init<0>, prepare, invoke));

template <int kKind>
Registration* registration() {
  static Registration registered = RegisterOp(init<kKind>, prepare, invoke);
  return &registered;
}

/** All seven into a resolver; true if it had room. */
template <typename Resolver>
bool add_ops(Resolver* resolver) {
  return resolver->AddCustom(op_kinds[0].name, registration<0>()) == kTfLiteOk &&
         resolver->AddCustom(op_kinds[1].name, registration<1>()) == kTfLiteOk &&
         resolver->AddCustom(op_kinds[2].name, registration<2>()) == kTfLiteOk &&
         resolver->AddCustom(op_kinds[3].name, registration<3>()) == kTfLiteOk &&
         resolver->AddCustom(op_kinds[4].name, registration<4>()) == kTfLiteOk &&
         resolver->AddCustom(op_kinds[5].name, registration<5>()) == kTfLiteOk &&
         resolver->AddCustom(op_kinds[6].name, registration<6>()) == kTfLiteOk;
}

}  // namespace bitmar
