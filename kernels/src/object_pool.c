#include "bitmar_vision.h"
#include "internal.h"

/* Object-centred pooling. A cell's weight is how far it is from the mean of the map's border, squared: the
 * sums are integers (side^2 <= 64 cells, 4 (side - 1) of them at the border, differences below 2^14, 2^28
 * squared), so only the last steps are float. Additions run over cells in row order. */

static int at_border(int32_t y, int32_t x, int32_t side) {
  return y == 0 || x == 0 || y == side - 1 || x == side - 1;
}

static void border_sums(const int8_t* map, int32_t side, int32_t channels, int32_t c, int32_t* sum,
                        int32_t* cells) {
  *sum = *cells = 0;
  for (int32_t y = 0; y < side; y++) {
    for (int32_t x = 0; x < side; x++) {
      if (!at_border(y, x, side)) continue;
      *sum += map[(y * side + x) * channels + c];
      ++*cells;
    }
  }
}

/* distance[side * side] = sum over channels of (cells * q - sum of the border's q)^2. */
static void distances(const int8_t* map, int32_t side, int32_t channels, int64_t* distance) {
  const int32_t count = side * side;
  for (int32_t i = 0; i < count; i++) distance[i] = 0;
  for (int32_t c = 0; c < channels; c++) {
    int32_t sum, cells;
    border_sums(map, side, channels, c, &sum, &cells);
    for (int32_t i = 0; i < count; i++) {
      const int64_t difference = (int64_t)cells * map[i * channels + c] - sum;
      distance[i] += difference * difference;
    }
  }
}

/* 1 / (1 + exp(-t)), from the exp of a number that is not positive. */
static float sigmoid(float t) {
  const float e = bm_exp32(t < 0.0f ? t : -t);
  return (t < 0.0f ? e : 1.0f) / (1.0f + e);
}

/* How much of a row (or column) `i` belongs to the far side of the centre, for every i. */
static void split(float centre, int32_t side, float* far) {
  const float width = 0.1f * (float)side;
  for (int32_t i = 0; i < side; i++) far[i] = sigmoid(((float)i - centre) / width);
}

BM_FLOAT_CODE void pool(const int8_t* map, int32_t zero_point, int32_t side, int32_t channels,
                        const float* scale, const float* shift, float* out) {
  const int32_t count = side * side;
  int64_t distance[BM_POOL_SIDE * BM_POOL_SIDE], total = 0;
  float weight[BM_POOL_SIDE * BM_POOL_SIDE], down[BM_POOL_SIDE], right[BM_POOL_SIDE];
  distances(map, side, channels, distance);
  for (int32_t i = 0; i < count; i++) total += distance[i];
  float cy = 0.0f, cx = 0.0f;
  for (int32_t i = 0; i < count; i++) {
    weight[i] = total ? (float)distance[i] / (float)total : 1.0f / (float)count;
    cy = cy + weight[i] * (float)(i / side);
    cx = cx + weight[i] * (float)(i % side);
  }
  split(cy, side, down);
  split(cx, side, right);
  for (int32_t quadrant = 0; quadrant < 4; quadrant++) {
    float share[BM_POOL_SIDE * BM_POOL_SIDE];
    for (int32_t i = 0; i < count; i++) {
      const float v = down[i / side], h = right[i % side];
      share[i] = weight[i] * ((quadrant & 2 ? v : 1.0f - v) * (quadrant & 1 ? h : 1.0f - h));
    }
    for (int32_t c = 0; c < channels; c++) {
      float sum = 0.0f;
      for (int32_t i = 0; i < count; i++) sum = sum + share[i] * (float)(map[i * channels + c] - zero_point);
      const int32_t at = quadrant * channels + c;
      out[at] = sum * scale[at] + shift[at];
    }
  }
}

bm_status bm_object_pool(const int8_t* map, int32_t zero_point, int32_t side, int32_t channels,
                         const float* scale, const float* shift, float* out) {
  if (!map || !scale || !shift || !out) return BM_ERR_NULL;
  if (side < 2 || side > BM_POOL_SIDE || channels < 1 || channels > BM_MAX_COLS) return BM_ERR_SHAPE;
  if (zero_point < -128 || zero_point > 127) return BM_ERR_SHAPE;
  bm_fp_state saved = bm_fp_enter();
  pool(map, zero_point, side, channels, scale, shift, out);
  bm_fp_leave(saved);
  return BM_OK;
}
