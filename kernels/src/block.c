/* Inverted residual blocks in strips of rows. The producer's rows stand in a ring, each as one padded line a
 * channel, [slots][channels][line]: a depthwise convolution then runs along memory. */
#include "vision.h"

typedef struct plan {
  int32_t out_side, pad, slots, line, strip;
  size_t ring, middle, projected; /* bytes */
} plan;

static size_t aligned(size_t bytes) { return (bytes + 3) & ~(size_t)3; }

static int conv_ok(const bm_conv* conv, int32_t matrix) {
  if (!conv->weights || !conv->bias || !conv->multiplier || !conv->shift) return 0;
  if (conv->channels < 2 || conv->channels % 2 || conv->channels > BM_CONV_INPUTS) return 0;
  if (conv->low < -128 || conv->high > 127 || conv->low > conv->high) return 0;
  return !matrix || (conv->inputs >= 8 && conv->inputs % 8 == 0 && conv->inputs <= BM_CONV_INPUTS);
}

static int make_plan(const bm_block* block, plan* p) {
  if (!conv_ok(&block->producer, 1) || !conv_ok(&block->depthwise, 0) || !conv_ok(&block->project, 1))
    return 0;
  const int32_t kernel = block->kernel, stride = block->stride, channels = block->producer.channels;
  if ((kernel != 3 && kernel != 5) || stride < 1 || stride > 2 || block->strip < 1) return 0;
  if (block->side < 2 || block->side % 2 || block->side > BM_CONV_MOST_SIDE) return 0;
  if (block->depthwise.channels != channels || block->project.inputs != channels) return 0;
  if (block->has_stem && block->producer.inputs != BM_STEM_INPUTS) return 0;
  if (block->has_add && (stride != 1 || block->has_stem || block->project.channels != block->producer.inputs))
    return 0;
  p->out_side = BM_SAME_SIDE(block->side, stride);
  p->strip = block->strip < p->out_side ? block->strip : p->out_side;
  const int32_t total = (p->out_side - 1) * stride + kernel - block->side;
  p->pad = total > 0 ? total / 2 : 0;
  p->slots = (p->strip - 1) * stride + kernel;
  p->line = ((p->out_side - 1) * stride + kernel + stride - 1 + 3) / 4 * 4; /* four outputs read that far */
  p->ring = (size_t)p->slots * (size_t)channels * (size_t)p->line;
  p->middle = aligned((size_t)p->strip * (size_t)p->out_side * (size_t)channels);
  p->projected =
      block->has_add ? aligned((size_t)p->strip * (size_t)p->out_side * (size_t)block->project.channels) : 0;
  return 1;
}

static size_t stem_row(const bm_block* block) {
  return block->has_stem ? (size_t)block->side * BM_STEM_INPUTS : 0;
}

size_t bm_block_least_scratch(const bm_block* block) {
  const size_t producer = 4 * (size_t)block->producer.inputs + stem_row(block);
  const size_t project = 4 * (size_t)block->project.inputs;
  return producer > project ? producer : project;
}

size_t bm_block_most_scratch(const bm_block* block) {
  plan p;
  if (!make_plan(block, &p)) return 0;
  const size_t rows = block->has_stem ? 1 : (size_t)p.strip * (size_t)block->stride;
  const size_t producer = rows * (size_t)block->side * 2 * (size_t)block->producer.inputs + stem_row(block);
  const size_t pixels = ((size_t)p.strip * (size_t)p.out_side + 1) & ~(size_t)1;
  const size_t project = pixels * 2 * (size_t)block->project.inputs;
  return producer > project ? producer : project;
}

size_t bm_block_work_bytes(const bm_block* block, size_t scratch_bytes) {
  plan p;
  if (!make_plan(block, &p)) return 0;
  return p.ring + p.middle + p.projected + aligned(scratch_bytes);
}

/* The 3 x 3 x 3 neighbourhoods of one row of the stem's output, five zero points after each. */
static void gather_row(const bm_block* block, const int8_t* picture, int32_t row, int8_t zero, int8_t* out) {
  const int32_t side =
      2 * block->side; /* the picture's; "same" padding is one row and column at the far end */
  memset(out, zero, stem_row(block));
  for (int32_t x = 0; x < block->side; x++, out += BM_STEM_INPUTS) {
    const int32_t columns = side - 2 * x < 3 ? side - 2 * x : 3;
    for (int32_t i = 0; i < 3 && 2 * row + i < side; i++) {
      memcpy(out + 9 * i, picture + ((size_t)(2 * row + i) * (size_t)side + 2 * (size_t)x) * 3,
             3 * (size_t)columns);
    }
  }
}

/* Padded rows begin..end - 1 of the producer into the ring. */
static void produce(const bm_block* block, const plan* p, const int8_t* in, int8_t zero, int32_t begin,
                    int32_t end, const bm_places* ring, uint8_t* scratch, size_t scratch_bytes) {
  for (int32_t i = begin, n; i < end; i += n) {
    const int32_t row = i - p->pad;
    n = 1;
    if (row < 0 || row >= block->side) {
      memset(ring->data + (size_t)(i % ring->slots) * (size_t)ring->row - p->pad, block->producer.zero_point,
             (size_t)ring->row);
    } else if (block->has_stem) {
      const size_t gathered = stem_row(block);
      gather_row(block, in, row, zero, (int8_t*)scratch);
      bm_conv_matrix(&block->producer, (int8_t*)scratch, block->side, ring, i, scratch + gathered,
                     scratch_bytes - gathered);
    } else {
      const int32_t last = end - p->pad < block->side ? end - p->pad : block->side;
      n = last - row;
      const int8_t* x = in + (size_t)row * (size_t)block->side * (size_t)block->producer.inputs;
      bm_conv_matrix(&block->producer, x, n * block->side, ring, i, scratch, scratch_bytes);
    }
  }
}

/* Output rows first..first + rows - 1 into middle[rows][out side][channels]. */
static void depthwise(const bm_block* block, const plan* p, const int8_t* ring, int32_t first, int32_t rows,
                      int8_t* middle) {
  const bm_conv_isa* isa = bm_conv_current();
  const int32_t channels = block->depthwise.channels;
  const size_t slot = (size_t)channels * (size_t)p->line;
  for (int32_t c = 0; c < channels; c++) {
    for (int32_t r = 0; r < rows; r++) {
      const int8_t* lines[BM_CONV_KERNEL];
      for (int32_t i = 0; i < block->kernel; i++) {
        const int32_t at = ((first + r) * block->stride + i) % p->slots;
        lines[i] = ring + (size_t)at * slot + (size_t)c * (size_t)p->line;
      }
      isa->depthwise(&block->depthwise, c, block->kernel, block->stride, lines, p->out_side,
                     middle + (size_t)r * (size_t)p->out_side * (size_t)channels + c, channels);
    }
  }
}

static void run(const bm_block* block, const plan* p, const int8_t* in, int8_t* out, int8_t zero,
                uint8_t* work, size_t work_bytes) {
  int8_t *ring = (int8_t*)work, *middle = ring + p->ring, *projected = middle + p->middle;
  uint8_t* scratch = work + p->ring + p->middle + p->projected;
  const size_t scratch_bytes = work_bytes - (size_t)(scratch - work);
  const int32_t channels = block->producer.channels, width = block->project.channels;
  const bm_places lines = {ring + p->pad, block->side, 1, p->line, channels * p->line, p->slots};
  memset(ring, block->producer.zero_point, p->ring);
  for (int32_t row = 0, have = 0; row < p->out_side; row += p->strip) {
    const int32_t rows = p->out_side - row < p->strip ? p->out_side - row : p->strip;
    const int32_t need = (row + rows - 1) * block->stride + block->kernel, pixels = rows * p->out_side;
    produce(block, p, in, zero, have, need, &lines, scratch, scratch_bytes);
    have = need;
    depthwise(block, p, ring, row, rows, middle);
    int8_t* y = out + (size_t)row * (size_t)p->out_side * (size_t)width;
    const bm_places places = {block->has_add ? projected : y, pixels, width, 1, 0, 1};
    bm_conv_matrix(&block->project, middle, pixels, &places, 0, scratch, scratch_bytes);
    if (block->has_add) bm_int8_add_run(&block->add, y, projected, pixels * width, y);
  }
}

bm_status bm_block_run(const bm_block* block, int8_t* in, int8_t* out, int32_t picture_zero_point, void* work,
                       size_t work_bytes) {
  plan p;
  if (!block || !in || !out || !work) return BM_ERR_NULL;
  if (!make_plan(block, &p) || (block->has_add && in != out)) return BM_ERR_SHAPE;
  if (work_bytes < bm_block_work_bytes(block, bm_block_least_scratch(block))) return BM_ERR_SCRATCH;
  run(block, &p, in, out, (int8_t)picture_zero_point, work, work_bytes & ~(size_t)3);
  return BM_OK;
}
