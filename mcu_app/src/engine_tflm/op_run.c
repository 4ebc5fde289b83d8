#include "op_run.h"

#include <limits.h>
#include <string.h>

#include "flexmap.h"

enum { FC, EMBEDDING, TOPK, RMS_NORM, ATTENTION, CACHED_ATTENTION, MEMORY_READ };

const op_kind op_kinds[OP_COUNT] = {
    {"BITMAR_TERNARY_FC", 3, 1, "layout rows cols activation"},
    {"BITMAR_TERNARY_EMBEDDING", 3, 1, "layout rows cols"},
    {"BITMAR_TERNARY_TOPK", 3, 2, "layout rows cols k"},
    {"BITMAR_RMS_NORM", 2, 1, ""},
    {"BITMAR_ATTENTION", 3, 1, "heads width q_offset k_offset v_offset"},
    {"BITMAR_CACHED_ATTENTION", 4, 1, "heads width window sinks"},
    {"BITMAR_MEMORY_READ", 4, 1, ""},
};

static int64_t read_attribute(const uint8_t* options, size_t bytes, const char* name) {
  int64_t value;
  return flexmap_int(options, bytes, name, &value) == kFlexFound && value >= 0 && value <= INT_MAX ? value
                                                                                                   : -1;
}

int32_t op_read(int32_t kind, const uint8_t* options, size_t bytes, op_attributes* attributes) {
  memset(attributes, 0, sizeof *attributes);
  attributes->kind = kind;
  if (read_attribute(options, bytes, "version") != BM_OPS_VERSION) return -1;
  const struct {
    const char* name;
    int32_t* value;
  } fields[] = {
      {"layout", &attributes->layout},
      {"rows", &attributes->rows},
      {"cols", &attributes->cols},
      {"activation", &attributes->activation},
      {"k", &attributes->k},
      {"heads", &attributes->heads},
      {"width", &attributes->width},
      {"q_offset", &attributes->q_offset},
      {"k_offset", &attributes->k_offset},
      {"v_offset", &attributes->v_offset},
      {"window", &attributes->window},
      {"sinks", &attributes->sinks},
  };
  for (const char* name = op_kinds[kind].attributes; *name;) {
    const size_t length = strcspn(name, " ");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
      if (strlen(fields[i].name) != length || strncmp(fields[i].name, name, length) != 0) continue;
      const int64_t value = read_attribute(options, bytes, fields[i].name);
      if (value < 0) return -1;
      *fields[i].value = (int32_t)value;
    }
    name += length + (name[length] == ' ');
  }
  return 0;
}

static int32_t last_dim(const op_tensor* t) { return t->rank ? t->dims[t->rank - 1] : 1; }

static int32_t row_count(const op_tensor* t) {
  int32_t rows = 1;
  for (int32_t i = 0; i + 1 < t->rank; i++) rows *= t->dims[i];
  return rows;
}

static int32_t count(const op_tensor* t) { return row_count(t) * last_dim(t); }

static bm_ternary matrix(const op_attributes* a, const op_tensor* inputs) {
  const bm_ternary w = {.packed = inputs[1].data,
                        .gamma = inputs[2].data,
                        .rows = a->rows,
                        .cols = a->cols,
                        .layout = a->layout,
                        .gamma_per_row = count(&inputs[2]) > 1};
  return w;
}

static int matrix_fits(const op_attributes* a, const op_tensor* inputs) {
  const size_t bytes = bm_packed_bytes(a->layout, a->rows, a->cols);
  const int32_t gammas = count(&inputs[2]);
  return bytes != 0 && (size_t)count(&inputs[1]) == bytes && (gammas == 1 || gammas == a->rows);
}

static bm_attention_shape attention_shape(const op_attributes* a, const op_tensor* in) {
  const bm_attention_shape shape = {row_count(&in[0]), row_count(&in[1]), last_dim(&in[0]),
                                    last_dim(&in[1]),  a->heads,          a->width,
                                    a->q_offset,       a->k_offset,       a->v_offset};
  return shape;
}

size_t op_scratch(const op_attributes* a, const op_tensor* inputs) {
  switch (a->kind) {
    case FC:
    case TOPK:
      return BM_TOKEN_BYTES(a->cols);
    case ATTENTION:
      return BM_ATTENTION_BYTES(row_count(&inputs[1]));
    case CACHED_ATTENTION:
      return BM_ATTENTION_BYTES(a->window);
    default:
      return 0;
  }
}

static int shapes_fit(const op_attributes* a, const op_tensor* in, const op_tensor* out) {
  switch (a->kind) {
    case FC:
      return matrix_fits(a, in) && last_dim(&in[0]) == a->cols &&
             count(&out[0]) == row_count(&in[0]) * a->rows;
    case EMBEDDING:
      return matrix_fits(a, in) && count(&out[0]) == count(&in[0]) * a->cols;
    case TOPK:
      return matrix_fits(a, in) && count(&in[0]) == a->cols && count(&out[0]) == a->k &&
             count(&out[1]) == a->k;
    case RMS_NORM:
      return count(&in[1]) == last_dim(&in[0]) && count(&out[0]) == count(&in[0]);
    case ATTENTION:
      return a->heads > 0 && a->width % a->heads == 0 && a->q_offset + a->width <= last_dim(&in[0]) &&
             a->k_offset + a->width <= last_dim(&in[1]) && a->v_offset + a->width <= last_dim(&in[1]) &&
             count(&in[2]) == row_count(&in[1]) && count(&out[0]) == row_count(&in[0]) * a->width;
    case CACHED_ATTENTION:
      return a->heads > 0 && a->width % a->heads == 0 && count(&in[0]) == 3 * a->width &&
             count(&in[1]) == 1 && count(&in[2]) == a->window * a->width &&
             count(&in[3]) == a->window * a->width && count(&out[0]) == a->width;
    default:
      return count(&in[0]) == row_count(&in[1]) && count(&in[2]) == row_count(&in[1]) && count(&in[3]) == 1 &&
             count(&out[0]) == last_dim(&in[1]);
  }
}

bm_status op_run(const op_attributes* a, const op_tensor* in, const op_tensor* out, void* scratch,
                 size_t bytes) {
  if (!shapes_fit(a, in, out)) return BM_ERR_SHAPE;
  switch (a->kind) {
    case FC: {
      const bm_ternary w = matrix(a, in);
      return bm_ternary_fc(&w, in[0].data, row_count(&in[0]), a->activation, out[0].data, scratch, bytes);
    }
    case EMBEDDING: {
      const bm_ternary w = matrix(a, in);
      return bm_ternary_embedding(&w, in[0].data, count(&in[0]), out[0].data);
    }
    case TOPK: {
      const bm_ternary w = matrix(a, in);
      return bm_ternary_topk(&w, in[0].data, a->k, out[0].data, out[1].data, scratch, bytes);
    }
    case RMS_NORM:
      return bm_rms_norm(in[0].data, in[1].data, row_count(&in[0]), last_dim(&in[0]), out[0].data);
    case ATTENTION: {
      const bm_attention_shape shape = attention_shape(a, in);
      return bm_attention(&shape, in[0].data, in[1].data, in[2].data, out[0].data, scratch, bytes);
    }
    case CACHED_ATTENTION:
      return bm_cached_attention(in[0].data, *(const int32_t*)in[1].data, a->heads, a->width, a->window,
                                 a->sinks, in[2].data, in[3].data, out[0].data, scratch, bytes);
    default:
      return bm_memory_read(in[0].data, in[1].data, in[2].data, *(const float*)in[3].data, row_count(&in[1]),
                            last_dim(&in[1]), out[0].data);
  }
}
