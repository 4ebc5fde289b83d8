/** A seeded session of the memory on a card in RAM: the same answers and the same bytes in every file as on
 * the host. */
#include "../cases.h"

#include <string.h>

#include "bitmar_kernels.h"
#include "memstore.h"

enum { FILES = 8, CARD_BYTES = 620000, SLOTS = 8, DIM = 128, K = 4 };

static uint8_t card_bytes[CARD_BYTES];
static struct {
  char name[32];
  uint32_t at, size, room;
} files[FILES];
static uint32_t used;

static int do_open(void* context, const char* name, int mode, int32_t* file) {
  (void)context;
  int32_t i = 0;
  while (i < FILES && files[i].name[0] && strcmp(files[i].name, name) != 0) i++;
  if (i < FILES && files[i].name[0] == 0) {
    if (mode != MS_CREATE) return MS_E_NOT_FOUND;
    strncpy(files[i].name, name, sizeof files[0].name - 1);
  }
  if (i == FILES) return MS_E_CARD_FULL;
  *file = i;
  return MS_OK;
}

static int do_close(void* context, int32_t file) { return (void)context, (void)file, MS_OK; }

static int do_size(void* context, int32_t file, uint64_t* bytes) {
  (void)context;
  *bytes = files[file].size;
  return MS_OK;
}

static int do_preallocate(void* context, int32_t file, uint64_t bytes, int zeroed) {
  (void)context, (void)zeroed; /* the card is zeros */
  if (bytes > files[file].room) {
    if (files[file].room || bytes > CARD_BYTES - used) return MS_E_CARD_FULL;
    files[file].at = used;
    files[file].room = (uint32_t)bytes;
    used += (uint32_t)bytes;
  }
  files[file].size = (uint32_t)bytes;
  return MS_OK;
}

static int32_t do_read(void* context, int32_t file, uint64_t offset, void* data, uint32_t bytes) {
  (void)context;
  if (offset + bytes > files[file].size) return MS_E_IO;
  memcpy(data, card_bytes + files[file].at + offset, bytes);
  return (int32_t)bytes;
}

static int32_t do_write(void* context, int32_t file, uint64_t offset, const void* data, uint32_t bytes) {
  (void)context;
  if (offset + bytes > files[file].size) return MS_E_IO;
  memcpy(card_bytes + files[file].at + offset, data, bytes);
  return (int32_t)bytes;
}

static int do_sync(void* context) { return (void)context, MS_OK; }

static const ms_port port = {.open = do_open,
                             .close = do_close,
                             .size = do_size,
                             .preallocate = do_preallocate,
                             .read = do_read,
                             .write = do_write,
                             .sync = do_sync};
static const ms_config config = {.slots = SLOTS,
                                 .dim = DIM,
                                 .hot = 2,
                                 .alpha = 0.2f,
                                 .merge_threshold = 0.8f,
                                 .segment_bytes = 420000,
                                 .model_hash = {1, 2, 3, 4, 5, 6, 7, 8}};
static uint64_t buffer[8192];
static uint32_t state;

static void random_vector(float* x) {
  for (int i = 0; i < DIM; i++) x[i] = (float)(int32_t)(case_random(&state) >> 8) / 8388608.0f - 1.0f;
}

static uint32_t hash_recall(ms_memory* memory, uint32_t hash) {
  float query[DIM], scores[K], values[K * DIM], scale;
  int8_t q[DIM];
  int32_t mask[K], slots[K];
  random_vector(query);
  bm_quantise(query, DIM, q, &scale);
  if (ms_recall(memory, q, scale, K, scores, values, mask, slots) != MS_OK) return 0;
  hash = case_hash(hash, scores, sizeof scores);
  hash = case_hash(hash, values, sizeof values);
  return case_hash(hash, slots, sizeof slots);
}

static uint32_t session(void) {
  memset(files, 0, sizeof files);
  memset(card_bytes, 0, sizeof card_bytes);
  used = 0;
  state = 1234567u;
  uint32_t hash = CASES_SEED;
  ms_memory* memory;
  if (ms_open(&memory, buffer, sizeof buffer, &config, &port, 0, NULL) != MS_OK) return 0;
  for (int i = 0; i < 24; i++) {
    char name[] = "thing a";
    name[6] = (char)('a' + case_random(&state) % 12);
    float episode[DIM], key[DIM];
    random_vector(episode);
    random_vector(key);
    ms_teach_result result;
    if (ms_teach(memory, name, episode, key, 1.0f, i % 5 == 4 ? MS_REPLACE : 0, &result) != MS_OK) return 0;
    hash = case_hash(hash, &result.slot, sizeof result.slot);
    hash = hash_recall(memory, hash);
    if (i % 9 == 8 && ms_forget_slot(memory, result.slot) != MS_OK) return 0;
    if (i % 12 == 11) { /* power off without closing, on again */
      if (ms_open(&memory, buffer, sizeof buffer, &config, &port, 0, NULL) != MS_OK) return 0;
    }
  }
  if (ms_close(memory) != MS_OK) return 0;
  return hash;
}

static uint32_t card_files(void) { return session() ? case_hash(CASES_SEED, card_bytes, used) : 0; }

const mcu_case cases[] = {{"memstore_answers", session}, {"memstore_files", card_files}};
const int case_count = 2;
