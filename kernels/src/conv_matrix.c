/* 1x1 convolutions: a matrix times the pixels, two channels and two pixels at a time. As many pixels as
 * scratch holds are unpacked to 16 bits, then all channels run over them: weights are read once for so many
 * pixels. */
#include "vision.h"

static size_t pair_bytes(const bm_conv* conv) { return 4 * (size_t)conv->inputs; }

static void unpack(const bm_conv* conv, const int8_t* x, int32_t pixels, void* scratch) {
  const bm_conv_isa* isa = bm_conv_current();
  int16_t* halves = scratch;
  for (int32_t p = 0; p < pixels; p += 2, halves += 2 * conv->inputs) {
    const int8_t* a = x + (size_t)p * (size_t)conv->inputs;
    isa->unpack(a, p + 1 < pixels ? a + conv->inputs : a, conv->inputs, halves);
  }
}

/* Pixels first..first + pixels - 1 of the whole, which are unpacked. */
static void all_channels(const bm_conv* conv, const void* scratch, int32_t first, int32_t pixels,
                         const bm_places* places, int32_t first_row) {
  const bm_conv_isa* isa = bm_conv_current();
  for (int32_t c = 0; c < conv->channels; c += 2) {
    const int16_t* halves = scratch;
    for (int32_t p = 0, n; p < pixels; p += n, halves += n * conv->inputs) {
      const int32_t row = first_row + (first + p) / places->width, column = (first + p) % places->width;
      n = places->width - column < pixels - p ? places->width - column : pixels - p;
      int8_t* y = places->data + (ptrdiff_t)(row % places->slots) * places->row +
                  (ptrdiff_t)column * places->pixel + (ptrdiff_t)c * places->channel;
      isa->channel_pair(conv, c, halves, n, y, places->pixel, places->channel);
    }
  }
}

void bm_conv_matrix(const bm_conv* conv, const int8_t* x, int32_t pixels, const bm_places* places,
                    int32_t first_row, void* scratch, size_t scratch_bytes) {
  const size_t pairs = scratch_bytes / pair_bytes(conv);
  const int32_t most = pairs < 1 << 20 ? 2 * (int32_t)pairs : 1 << 21;
  for (int32_t first = 0; first < pixels; first += most) {
    const int32_t n = pixels - first < most ? pixels - first : most;
    unpack(conv, x + (size_t)first * (size_t)conv->inputs, n, scratch);
    all_channels(conv, scratch, first, n, places, first_row);
  }
}
