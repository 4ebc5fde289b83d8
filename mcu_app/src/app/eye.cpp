#include "eye.h"

#include <cstring>

#include "board.h"
#include "picture.h"
#include "pixels.h"
#ifdef BITMAR_SEES
#include "bitmar_eye.h"
#include "bitmar_picture.h"
#endif

namespace bitmar {

static const char kCard[] = "card:";

/* Base64 has no dot. */
static bool is_file(const char* what) {
  return std::strncmp(what, kCard, sizeof kCard - 1) == 0 || std::strchr(what, '.');
}
static bool is_camera(const char* what) { return std::strcmp(what, "camera") == 0; }
static bool is_pixels(const char* what) { return std::strcmp(what, "pixels") == 0; }

const char kBlind[] = "this firmware's model has no vision network for a board: send its 768 numbers";

#ifdef BITMAR_SEES

#ifdef BITMAR_ENGINE_AOT
static uint8_t* const arena = bitmar_arena; /* a picture is seen before the encoder runs */
#else
alignas(16) static uint8_t arena[BITMAR_EYE_ARENA_BYTES];
#endif

enum { kInputBytes = PIC_SIZE * PIC_SIZE * PIC_CHANNELS };
static_assert(BITMAR_EYE_PICTURE_SIDE == PIC_SIZE, "picture/ makes the network's input");
static_assert(4 * BITMAR_EYE_MAP_CHANNELS == BITMAR_VISION, "four quadrants");

/* Of the arena, after the picture: room for a row. */
constexpr uint32_t kRowAt = BITMAR_EYE_PICTURE + kInputBytes;
constexpr uint32_t kRowBytes = BITMAR_EYE_ARENA_BYTES - kRowAt;
static_assert(kRowBytes >= 4 * 1024, "no room for a picture's row");
static_assert(kPixelRows * kPixelRowBytes == kInputBytes, "rows of the console are rows of the input");

/* Beside the map: the pooled numbers. */
constexpr uint32_t kMapBytes = BITMAR_EYE_MAP_SIDE * BITMAR_EYE_MAP_SIDE * BITMAR_EYE_MAP_CHANNELS;
constexpr uint32_t kFeatureBytes = BITMAR_VISION * sizeof(float);
constexpr uint32_t kFeaturesAt =
    BITMAR_EYE_MAP >= kFeatureBytes ? 0 : (BITMAR_EYE_MAP + kMapBytes + 3) / 4 * 4;
static_assert(kFeaturesAt + kFeatureBytes <= BITMAR_EYE_ARENA_BYTES, "no room for the pooled numbers");

static int32_t read_file(void*, uint32_t offset, void* to, uint32_t bytes) {
  board_watchdog_feed();
  return board_file_read(offset, to, bytes);
}

static const char* prepare_file(const char* name, int8_t* pixels) {
  if (std::strncmp(name, kCard, sizeof kCard - 1) == 0) name += sizeof kCard - 1;
  if (board_file_open(name)) return "no such picture on the card";
  pic_file file;
  const char* problem = pic_file_open(&file, read_file, nullptr);
  if (!problem) problem = pic_file_prepare(&file, arena + kRowAt, kRowBytes, pixels);
  board_file_close();
  return problem;
}

static const uint8_t* camera_row(void*, int32_t y) {
  uint8_t* row = arena + kRowAt;
  return board_camera_row(y, row) ? nullptr : row;
}

static const char* prepare_camera(int8_t* pixels) {
  int32_t width, height;
  if (board_camera(&width, &height)) return "there is no camera";
  const bool fits = width > 0 && 2 * static_cast<uint32_t>(width) <= kRowBytes;
  if (!fits || pic_prepare_rows(PIC_RGB565, width, height, camera_row, nullptr, pixels))
    return "the camera gave no picture";
  return nullptr;
}

int8_t* eye_input() { return reinterpret_cast<int8_t*>(arena + BITMAR_EYE_PICTURE); }

static const char* prepare(const char* what) {
  if (is_pixels(what)) return check_pixels();
  return is_camera(what) ? prepare_camera(eye_input()) : prepare_file(what, eye_input());
}

static const char* look(const char* what, engine_picture* picture) {
  float* features = reinterpret_cast<float*>(arena + kFeaturesAt);
  if (const char* problem = prepare(what)) return problem;
  board_watchdog_feed();
  const float* pooling = reinterpret_cast<const float*>(bitmar_pooling);
  const bool seen = bitmar_eye_run(arena) == BM_OK &&
                    bm_object_pool(reinterpret_cast<const int8_t*>(arena + BITMAR_EYE_MAP),
                                   BITMAR_EYE_MAP_ZERO_POINT, BITMAR_EYE_MAP_SIDE, BITMAR_EYE_MAP_CHANNELS,
                                   pooling, pooling + BITMAR_VISION, features) == BM_OK &&
                    bm_quantise(features, BITMAR_VISION, picture->q, &picture->scale) == BM_OK;
  board_watchdog_feed();
  return seen ? nullptr : "the vision network failed: it does not fit this firmware";
}

#else

int8_t* eye_input() { return nullptr; }

static const char* look(const char*, engine_picture*) { return kBlind; }

#endif

bool is_seen_here(const char* what) { return is_pixels(what) || is_camera(what) || is_file(what); }

const char* see(const char* what, engine_picture* picture) {
  return is_seen_here(what) ? look(what, picture) : picture_decode(what, picture);
}

}  // namespace bitmar
