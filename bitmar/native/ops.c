/* The BITMAR_* ops, version 1: names, tensors, attributes. */
#include "ops.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "flexmap.h"

enum { kOpsVersion = 1 };

static const OpDef kOps[] = {
    {"BITMAR_TERNARY_FC", 3, 1, "layout rows cols activation", prepare_ternary_fc, invoke_ternary_fc},
    {"BITMAR_TERNARY_EMBEDDING", 3, 1, "layout rows cols", prepare_ternary_embedding,
     invoke_ternary_embedding},
    {"BITMAR_TERNARY_TOPK", 3, 2, "layout rows cols k", prepare_ternary_topk, invoke_ternary_topk},
    {"BITMAR_RMS_NORM", 2, 1, "", prepare_rms_norm, invoke_rms_norm},
    {"BITMAR_ATTENTION", 3, 1, "heads width q_offset k_offset v_offset", prepare_attention, invoke_attention},
    {"BITMAR_CACHED_ATTENTION", 4, 1, "heads width window sinks", prepare_cached_attention,
     invoke_cached_attention},
    {"BITMAR_MEMORY_READ", 4, 1, "", prepare_memory_read, invoke_memory_read},
};

static const struct {
  const char* name;
  size_t offset;
} kAttrs[] = {
    {"layout", offsetof(Attrs, layout)},
    {"rows", offsetof(Attrs, rows)},
    {"cols", offsetof(Attrs, cols)},
    {"activation", offsetof(Attrs, activation)},
    {"k", offsetof(Attrs, k)},
    {"heads", offsetof(Attrs, heads)},
    {"width", offsetof(Attrs, width)},
    {"q_offset", offsetof(Attrs, q_offset)},
    {"k_offset", offsetof(Attrs, k_offset)},
    {"v_offset", offsetof(Attrs, v_offset)},
    {"window", offsetof(Attrs, window)},
    {"sinks", offsetof(Attrs, sinks)},
};

const OpDef* find_op(const char* name) {
  for (size_t i = 0; i < sizeof kOps / sizeof *kOps; ++i) {
    if (strcmp(kOps[i].name, name) == 0) return &kOps[i];
  }
  return NULL;
}

/* A non-negative integer option; 0 and a reason in node->error if there is none. */
static int read_int(OpNode* node, const uint8_t* options, size_t size, const char* name, int* value) {
  int64_t found = 0;
  switch (flexmap_int(options, size, name, &found)) {
    case kFlexFound:
      break;
    case kFlexMissing:
      snprintf(node->error, sizeof node->error, "attribute '%s' is missing", name);
      return 0;
    case kFlexNotInt:
      snprintf(node->error, sizeof node->error, "attribute '%s' is not an integer", name);
      return 0;
    default:
      snprintf(node->error, sizeof node->error, "its options are not a FlexBuffers map");
      return 0;
  }
  if (found < 0 || found > INT_MAX) {
    snprintf(node->error, sizeof node->error, "attribute '%s' is %lld, expected 0 to %d", name,
             (long long)found, INT_MAX);
    return 0;
  }
  *value = (int)found;
  return 1;
}

/* Whether `name` is one of the blank-separated `names`. */
static int lists(const char* names, const char* name) {
  const size_t length = strlen(name);
  for (const char* at = names; (at = strstr(at, name)); at += length) {
    if ((at == names || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0')) return 1;
  }
  return 0;
}

void read_attrs(OpNode* node, const void* options, int options_size) {
  const uint8_t* bytes = options;
  const size_t size = options_size > 0 ? (size_t)options_size : 0;
  int version = 0;
  if (!read_int(node, bytes, size, "version", &version)) return;
  if (version != kOpsVersion) {
    snprintf(node->error, sizeof node->error, "version %d, expected %d", version, kOpsVersion);
    return;
  }
  for (size_t i = 0; i < sizeof kAttrs / sizeof *kAttrs; ++i) {
    int* field = (int*)(void*)((char*)&node->attrs + kAttrs[i].offset);
    if (lists(node->def->attrs, kAttrs[i].name) && !read_int(node, bytes, size, kAttrs[i].name, field))
      return;
  }
}

TflStatus kernel_status(TflContext* context, const OpNode* node, bm_status status) {
  return status == BM_OK ? kTflOk : fail(context, node, "%s", bm_status_text(status));
}
