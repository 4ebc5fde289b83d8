/* A node of a graph with exact memory, for tests of ops/: every buffer has the bytes that its shape says and
 * no more, so that a sanitizer sees one byte too many. */
#pragma once
#include <stdlib.h>
#include <string.h>

#include "bitmar_ops.h"

typedef struct {
  bm_op op;
  int dims[BM_OP_MOST_INPUTS][BM_OP_MOST_RANK + 1];
  bm_op_tensor in[BM_OP_MOST_INPUTS], out[BM_OP_MOST_OUTPUTS];
} test_node;

enum { MOST_BYTES = 1 << 20 }; /* of one tensor that is really made */

static size_t bytes_of(char type, const int* dims, int rank) {
  size_t bytes = type == 'u' ? 1 : 4;
  for (int d = 0; d < rank; d++) bytes *= (size_t)dims[d];
  return bytes;
}

/* Small numbers: floats in [-2, 2), ids and masks in [0, 4), packed bytes in [0, 243). */
static void fill(void* data, char type, size_t bytes, uint32_t seed) {
  for (size_t i = 0; i < bytes / (type == 'u' ? 1 : 4); i++) {
    seed = seed * 1664525u + 1013904223u;
    if (type == 'f') ((float*)data)[i] = (float)(int32_t)(seed >> 16) / 16384.0f - 2.0f;
    if (type == 'i') ((int32_t*)data)[i] = (int32_t)(seed >> 30);
    if (type == 'u') ((uint8_t*)data)[i] = (uint8_t)((seed >> 16) % 243u);
  }
}

/* of a tensor that may be left out, too */
static char letter(char in_table) {
  return in_table >= 'A' && in_table <= 'Z' ? (char)(in_table - 'A' + 'a') : in_table;
}

/* Runs a node whose check made this plan; "too large" if its tensors are not made here. */
static const char* run_exactly(test_node* node, const char* inputs, const char* outputs,
                               const bm_op_plan* plan, uint32_t seed) {
  void* made[BM_OP_MOST_INPUTS + BM_OP_MOST_OUTPUTS + 1] = {NULL};
  int count = 0;
  const char* answer = NULL;
  for (int i = 0; inputs[i] && !answer; i++) {
    if (!node->in[i].type) continue; /* left out */
    const size_t bytes = bytes_of(letter(inputs[i]), node->in[i].dims, node->in[i].rank);
    if (bytes > MOST_BYTES) {
      answer = "too large";
    } else {
      node->in[i].data = made[count++] = malloc(bytes);
      fill(node->in[i].data, letter(inputs[i]), bytes, seed + (uint32_t)i);
    }
  }
  for (int i = 0; outputs[i] && !answer; i++) {
    const size_t bytes = bytes_of(outputs[i], plan->outputs[i].dims, plan->outputs[i].rank);
    node->out[i].dims = plan->outputs[i].dims;
    node->out[i].rank = plan->outputs[i].rank;
    if (bytes > MOST_BYTES)
      answer = "too large";
    else
      node->out[i].data = made[count++] = malloc(bytes);
  }
  if (!answer) {
    bm_op_reason why;
    void* scratch = made[count++] = malloc(plan->scratch_bytes ? plan->scratch_bytes : 1);
    if (!bm_op_check_outputs(&node->op, plan, node->out, &why)) abort(); /* the plan's own shapes */
    answer = bm_status_text(bm_op_run(&node->op, node->in, node->out, scratch, plan->scratch_bytes));
  }
  while (count) free(made[--count]);
  return answer;
}
