/* The int8 operators of a vision network as TensorFlow Lite's reference computes them, bit for bit: 1x1 and
 * 3x3 convolutions, depthwise convolutions, additions, and inverted residual blocks of them (MobileNetV2,
 * arXiv:1801.04381; EfficientNet-Lite) that run in strips of rows, so that the wide middle of a block never
 * exists as a whole.
 *
 * A number q stands for scale * (q - zero point) (Jacob et al., arXiv:1712.05877). int32 sums become int8 by
 * gemmlowp's rule: y = clamp(zero point + rdbp(srdhm(sum * 2^left, multiplier), right), low, high), where
 * srdhm(a, b) = (2 a b + 2^31) >> 32 and rdbp(x, e) divides by 2^e to the nearest, halves away from zero.
 *
 * Maps are int8 [rows][columns][channels]. No function allocates or keeps state; all are reentrant. Every
 * instruction-set variant (bm_isa) gives the same bytes.
 */
#ifndef BITMAR_VISION_H_
#define BITMAR_VISION_H_

#include "bitmar_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BM_CONV_LEFT 4        /* largest left shift of a multiplier */
#define BM_CONV_KERNEL 5      /* largest side of a depthwise kernel; they are 3 or 5 */
#define BM_CONV_INPUTS 4096   /* most inputs of a channel: products add up to 2^27 at most */
#define BM_STEM_INPUTS 32     /* of the stem: 3 x 3 x 3 weights and five zeros */
#define BM_CONV_MOST_SIDE 512 /* largest side of a map */

/* The weights of a convolution and how its sums become int8.
 *
 * Matrix (1x1, stem): channels are even, inputs a multiple of 8. weights: for each pair of channels (2i, 2i +
 * 1), for each four inputs: four weights of channel 2i, four of 2i + 1; 4-byte aligned. Depthwise:
 * weights[channels][kernel * kernel], row by row. bias: the flatbuffer's minus (input zero point) * (sum of
 * the channel's weights), so that sums run over q. */
typedef struct bm_conv {
  const int8_t* weights;
  const int32_t* bias;       /* [channels] */
  const int32_t* multiplier; /* [channels], 2^30 to 2^31 - 1, or 0 */
  const int8_t* shift;       /* [channels]: 2^shift, -31 to BM_CONV_LEFT */
  int32_t inputs;            /* of one channel */
  int32_t channels;
  int32_t zero_point, low, high; /* of the output */
} bm_conv;

/* y = a + b of maps with different scales. */
typedef struct bm_int8_add {
  int32_t zero_point[2], multiplier[2], shift[2]; /* of a and b; shifts are -31 to 0 */
  int32_t out_zero_point, out_multiplier, out_shift, low, high;
} bm_int8_add;

/* producer -> depthwise -> project [-> + the block's input]. The producer is a 1x1 convolution (expand), or
 * the stem: 3x3, stride 2, of a picture with three channels, which is outside of the block's input then. */
typedef struct bm_block {
  bm_conv producer, depthwise, project;
  bm_int8_add add;
  int32_t has_stem, has_add; /* has_add: stride 1, as many channels out as in */
  int32_t side;              /* of the depthwise convolution's input; even */
  int32_t kernel, stride;    /* of the depthwise convolution: 3 or 5, 1 or 2; "same" padding */
  int32_t strip; /* rows of output at a time: more read the weights less often and take more RAM */
} bm_block;

/* Side of a "same" convolution's output. */
#define BM_SAME_SIDE(side, stride) (((side) + (stride)-1) / (stride))

/* Bytes of `work` for a block: the producer's rows, the depthwise rows, the projected rows where there is an
 * addition, and scratch for two pixels at least (more save reading the weights again). 0: not a block. */
size_t bm_block_work_bytes(const bm_block* block, size_t scratch_bytes);
/* Smallest scratch of a block's convolutions, and what holds a whole strip. */
size_t bm_block_least_scratch(const bm_block* block);
size_t bm_block_most_scratch(const bm_block* block);

/* Runs a block. in: [side][side][producer.inputs], or the picture [2 side][2 side][3] for the stem; out:
 * [out side][out side][project.channels], which is `in` itself where has_add. Elsewhere it may lie over rows
 * of `in` that were read: before output rows up to r are written, rows up to r * stride + kernel - 1 - (rows
 * of padding above) of the depthwise convolution's input have been (two of the picture for each). work:
 * 4-byte aligned, at least bm_block_work_bytes(block, bm_block_least_scratch(block)). picture_zero_point: of
 * the stem's input. */
bm_status bm_block_run(const bm_block* block, int8_t* in, int8_t* out, int32_t picture_zero_point, void* work,
                       size_t work_bytes);

#define BM_POOL_SIDE 8 /* largest side of a map that bm_object_pool takes */

/* Object-centred pooling of an int8 map [side][side][channels] into four soft quadrants about the object,
 * standardised: out[4 * channels] (upper left, upper right, lower left, lower right).
 *
 *   b      = mean of the map's border cells;  D_i = |cell_i - b|^2;  w_i = D_i / sum D (all equal where that
 * is 0) centre = sum w_i (y_i, x_i);  lower_y = sigmoid((y - centre_y) / (side / 10)), upper_y = 1 - lower_y,
 * x alike out    = scale * sum w_i quadrant_i (q_i - zero_point) + shift
 *
 * A thing in front of a wall weighs more than the wall, and where it stands does not matter. D is exact. */
bm_status bm_object_pool(const int8_t* map, int32_t zero_point, int32_t side, int32_t channels,
                         const float* scale, const float* shift, float* out);

#ifdef __cplusplus
}
#endif

#endif
