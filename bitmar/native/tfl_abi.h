/* The part of TensorFlow Lite's C ABI that an external delegate needs, declared here so that the build needs
 * no TensorFlow header. Valid for tflite-runtime 2.14 and ai-edge-litert 1.x and 2.x on ILP32 and LP64 Linux.
 *
 * Structs are only read and written through pointers that the runtime hands out; delegate.c compares their
 * sizes with those of the running runtime before it touches a node. Source: tensorflow/lite/core/c/common.h.
 */
#ifndef BITMAR_TFL_ABI_H_
#define BITMAR_TFL_ABI_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int TflStatus; /* a C enum */
enum { kTflOk = 0, kTflError = 1 };

typedef int TflType;
enum { kTflFloat32 = 1, kTflInt32 = 2, kTflUInt8 = 3 };

/* Where a tensor's bytes live. */
enum { kTflMmapRo = 1, kTflArenaRw = 2, kTflArenaRwPersistent = 3, kTflDynamic = 4, kTflPersistentRo = 5 };

enum { kTflBuiltinCustom = 32, kTflBuiltinDelegate = 51 };
enum { kTflDelegateAllowDynamicTensors = 1 };

typedef struct TflContext TflContext;
typedef struct TflDelegate TflDelegate;

typedef struct {
  int size;
  int data[];
} TflIntArray;

typedef struct {
  float scale;
  int32_t zero_point;
} TflQuantParams;

typedef struct {
  int type;
  void* params; /* never read: its layout differs between runtimes */
} TflQuantization;

typedef struct {
  TflType type;
  union {
    void* raw;
    float* f32;
    int32_t* i32;
    uint8_t* u8;
  } data;
  TflIntArray* dims;
  TflQuantParams legacy_params;
  int allocation_type;
  size_t bytes;
  const void* allocation;
  const char* name;
  TflDelegate* delegate;
  int buffer_handle;
  bool data_is_stale;
  bool is_variable;
  TflQuantization quantization;
  void* sparsity;
  const TflIntArray* dims_signature;
} TflTensor;

typedef struct {
  TflIntArray *inputs, *outputs, *intermediates, *temporaries;
  void* user_data;
  void* builtin_data;
  const void* custom_initial_data; /* the op's options: a flexbuffer inside the model */
  int custom_initial_data_size;
  TflDelegate* delegate;
  bool might_have_side_effect;
} TflNode;

/* Passed by value to ReplaceNodeSubsetsWithDelegateKernels: at least as long as the runtime's own (on 32-bit
 * Arm, exactly as long). Fields that an older runtime does not know are zero. */
typedef struct {
  void* (*init)(TflContext*, const char* buffer, size_t length);
  void (*free)(TflContext*, void* user_data);
  TflStatus (*prepare)(TflContext*, TflNode*);
  TflStatus (*invoke)(TflContext*, TflNode*);
  const char* (*profiling_string)(const TflContext*, const TflNode*);
  int32_t builtin_code;
  const char* custom_name;
  int version;
  void* registration_external;
  void* async_kernel;        /* since 2.13 */
  uint64_t inplace_operator; /* since 2.14 */
} TflRegistration;

typedef struct {
  TflDelegate* delegate;
  TflIntArray *nodes_to_replace, *input_tensors, *output_tensors;
} TflDelegateParams;

struct TflContext {
  size_t tensors_size;
  TflStatus (*GetExecutionPlan)(TflContext*, TflIntArray** plan);
  TflTensor* tensors; /* may be reallocated: read anew in every call */
  void* impl_;
  TflStatus (*ResizeTensor)(TflContext*, TflTensor*, TflIntArray* owned_dims);
  void (*ReportError)(TflContext*, const char* format, ...);
  TflStatus (*AddTensors)(TflContext*, int count, int* first);
  TflStatus (*GetNodeAndRegistration)(TflContext*, int node_index, TflNode**, TflRegistration**);
  TflStatus (*ReplaceNodeSubsetsWithDelegateKernels)(TflContext*, TflRegistration, const TflIntArray* nodes,
                                                     TflDelegate*);
  /* more fields follow; none is needed here */
};

struct TflDelegate {
  void* data_;
  TflStatus (*Prepare)(TflContext*, TflDelegate*);
  TflStatus (*CopyFromBufferHandle)(TflContext*, TflDelegate*, int, TflTensor*);
  TflStatus (*CopyToBufferHandle)(TflContext*, TflDelegate*, int, TflTensor*);
  void (*FreeBufferHandle)(TflContext*, TflDelegate*, int*);
  int64_t flags;
  void* opaque_delegate_builder; /* must be NULL */
};

#if UINTPTR_MAX == 0xffffffffffffffffu
_Static_assert(sizeof(TflTensor) == 112 && offsetof(TflTensor, bytes) == 40, "TfLiteTensor on LP64");
_Static_assert(sizeof(TflNode) == 80, "TfLiteNode on LP64");
_Static_assert(sizeof(TflRegistration) == 88, "TfLiteRegistration on LP64");
_Static_assert(sizeof(TflDelegate) == 56, "TfLiteDelegate on LP64");
#endif

#endif
