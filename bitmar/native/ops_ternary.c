/* BITMAR_TERNARY_FC, _EMBEDDING and _TOPK: the ops with a packed ternary matrix (docs/custom-ops.md). */
#include <stdlib.h>
#include <string.h>

#include "bitmar_kernels.h"
#include "ops.h"
#include "tensors.h"

enum { kX = 0, kWeights = 1, kGamma = 2 };
enum { kTokensPerPass = 8 }; /* tokens that share one pass over the weights */

static bm_ternary matrix(TflContext* c, const OpNode* node) {
  const bm_ternary w = {
      .packed = input(c, node, kWeights)->data.u8,
      .gamma = input(c, node, kGamma)->data.f32,
      .rows = node->attrs.rows,
      .cols = node->attrs.cols,
      .layout = node->attrs.layout,
      .gamma_per_row = element_count(input(c, node, kGamma)) > 1,
  };
  return w;
}

static TflStatus check_matrix(TflContext* c, const OpNode* node) {
  const Attrs* a = &node->attrs;
  const size_t bytes = bm_packed_bytes(a->layout, a->rows, a->cols);
  if (bytes == 0) {
    return fail(c, node, "layout %d with %d rows, %d columns is unknown to this program", a->layout, a->rows,
                a->cols);
  }
  if (check_constant(c, node, kWeights) || check_constant(c, node, kGamma)) return kTflError;
  if (check_count(c, node, kWeights, (long long)bytes, "the packed matrix")) return kTflError;
  if (element_count(input(c, node, kGamma)) == 1) return kTflOk;
  return check_count(c, node, kGamma, a->rows, "gamma");
}

static TflStatus check_columns(TflContext* c, const OpNode* node) {
  const int found = last_dim(input(c, node, kX));
  if (found == node->attrs.cols) return kTflOk;
  return fail(c, node, "input 0 has %d columns, expected %d", found, node->attrs.cols);
}

TflStatus prepare_ternary_fc(TflContext* c, OpNode* node) {
  if (check_tensors(c, node, "fuff") || check_matrix(c, node) || check_columns(c, node)) return kTflError;
  if (node->attrs.activation > BM_ACTIVATION_SQUARED_RELU) {
    return fail(c, node, "activation %d, expected 0 or 1", node->attrs.activation);
  }
  const TflTensor* x = input(c, node, kX);
  const int rank = x->dims->size, tokens = row_count(x);
  int dims[8];
  memcpy(dims, x->dims->data, sizeof(int) * (size_t)rank);
  dims[rank - 1] = node->attrs.rows;
  const size_t shared = (size_t)(tokens < kTokensPerPass ? tokens : kTokensPerPass);
  if (reserve_scratch(c, node, shared * BM_TOKEN_BYTES(node->attrs.cols))) return kTflError;
  return resize_output(c, node, 0, rank, dims);
}

TflStatus invoke_ternary_fc(TflContext* c, OpNode* node) {
  const bm_ternary w = matrix(c, node);
  const TflTensor* x = input(c, node, kX);
  return kernel_status(c, node,
                       bm_ternary_fc(&w, x->data.f32, row_count(x), node->attrs.activation,
                                     output(c, node, 0)->data.f32, node->scratch, node->scratch_bytes));
}

TflStatus prepare_ternary_embedding(TflContext* c, OpNode* node) {
  if (check_tensors(c, node, "iuff") || check_matrix(c, node)) return kTflError;
  const int dims[2] = {element_count(input(c, node, kX)), node->attrs.cols};
  return resize_output(c, node, 0, 2, dims);
}

TflStatus invoke_ternary_embedding(TflContext* c, OpNode* node) {
  const bm_ternary w = matrix(c, node);
  const TflTensor* ids = input(c, node, kX);
  return kernel_status(
      c, node, bm_ternary_embedding(&w, ids->data.i32, element_count(ids), output(c, node, 0)->data.f32));
}

TflStatus prepare_ternary_topk(TflContext* c, OpNode* node) {
  if (check_tensors(c, node, "fufif") || check_matrix(c, node) || check_columns(c, node)) return kTflError;
  if (check_count(c, node, kX, node->attrs.cols, "input 0")) return kTflError;
  if (node->attrs.k < 1 || node->attrs.k > node->attrs.rows) {
    return fail(c, node, "k is %d, expected 1 to %d", node->attrs.k, node->attrs.rows);
  }
  if (reserve_scratch(c, node, BM_TOKEN_BYTES(node->attrs.cols))) return kTflError;
  const int dims[1] = {node->attrs.k};
  return resize_output(c, node, 0, 1, dims) ? kTflError : resize_output(c, node, 1, 1, dims);
}

TflStatus invoke_ternary_topk(TflContext* c, OpNode* node) {
  const bm_ternary w = matrix(c, node);
  return kernel_status(
      c, node,
      bm_ternary_topk(&w, input(c, node, kX)->data.f32, node->attrs.k, output(c, node, 0)->data.i32,
                      output(c, node, 1)->data.f32, node->scratch, node->scratch_bytes));
}
