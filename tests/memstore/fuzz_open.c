/* libFuzzer on ms_open with arbitrary files. The input is a few patches to a good card, or raw bytes for
 * every file; checksums are made right again on request, so that the fuzzer gets behind them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "layout.h"
#include "memstore.h"

#define FILES 8
#define ROOM 160000u

static const char* const names[FILES] = {"memory_slots.bin",     "memory_index.bin",   "memory_backup.bin",
                                         "memory_metadata.json", "history/000000.bin", "memory_spare.bin",
                                         "history/000001.bin",   "history/000002.bin"};
static uint8_t card[FILES][ROOM], good[FILES][ROOM];
static uint64_t size[FILES], good_size[FILES]; /* + 1; 0: missing */
static const ms_config config = {
    .slots = 5, .dim = 32, .hot = 2, .alpha = 0.2f, .merge_threshold = 0.9f, .segment_bytes = 160000};

static int do_open(void* context, const char* name, int mode, int32_t* file) {
  (void)context;
  for (int32_t i = 0; i < FILES; i++) {
    if (strcmp(names[i], name)) continue;
    if (!size[i] && mode != MS_CREATE) return MS_E_NOT_FOUND;
    if (!size[i]) size[i] = 1;
    *file = i;
    return MS_OK;
  }
  return mode == MS_CREATE ? MS_E_CARD_FULL : MS_E_NOT_FOUND;
}
static int do_close(void* context, int32_t file) {
  (void)context, (void)file;
  return MS_OK;
}
static int do_size(void* context, int32_t file, uint64_t* bytes) {
  (void)context;
  *bytes = size[file] - 1;
  return MS_OK;
}
static int do_preallocate(void* context, int32_t file, uint64_t bytes, int zeroed) {
  (void)context;
  if (bytes > ROOM) return MS_E_CARD_FULL;
  if (zeroed && bytes >= size[file]) memset(card[file] + size[file] - 1, 0, bytes - size[file] + 1);
  size[file] = bytes + 1;
  return MS_OK;
}
static int32_t do_read(void* context, int32_t file, uint64_t at, void* data, uint32_t bytes) {
  (void)context;
  if (at >= size[file] - 1) return 0;
  if (bytes > size[file] - 1 - at) bytes = (uint32_t)(size[file] - 1 - at);
  memcpy(data, card[file] + at, bytes);
  return (int32_t)bytes;
}
static int32_t do_write(void* context, int32_t file, uint64_t at, const void* data, uint32_t bytes) {
  (void)context;
  if (at + bytes > size[file] - 1) abort();
  memcpy(card[file] + at, data, bytes);
  return (int32_t)bytes;
}
static int do_sync(void* context) {
  (void)context;
  return MS_OK;
}
static int do_remove(void* context, const char* name) {
  (void)context;
  for (int i = 0; i < FILES; i++)
    if (!strcmp(names[i], name)) size[i] = 0;
  return MS_OK;
}
static const ms_port port = {.open = do_open,
                             .close = do_close,
                             .size = do_size,
                             .preallocate = do_preallocate,
                             .read = do_read,
                             .write = do_write,
                             .sync = do_sync,
                             .remove = do_remove};

static uint64_t buffer[4096];

static void use(ms_memory* memory) {
  float values[2 * 32], scores[2], key[32];
  int8_t query[32] = {1};
  int32_t mask[2], slots[2];
  uint32_t oldest, newest;
  char text[300];
  ms_report report;
  ms_info info;
  ms_state state;
  for (uint32_t i = 0; i < 5; i++) {
    if (ms_slot_info(memory, i, &info)) abort();
    if (info.occupied && ms_check_name(info.name)) abort(); /* nothing that a teach would have refused */
    ms_read_slot(memory, i, values);
  }
  ms_recall(memory, query, 1.0f, 2, scores, values, mask, slots);
  for (int i = 0; i < 32; i++) key[i] = (float)(i - 16);
  memset(values, 0, sizeof values);
  int status = ms_teach(memory, "fuzz", values, key, 1.0f, 0, NULL);
  if (status && status != MS_E_CARD_FULL) abort(); /* whatever was there, the next write works */
  ms_verify(memory, &report);
  ms_report_text(&report, text, sizeof text);
  if (!ms_history_range(memory, &oldest, &newest))
    for (uint32_t i = oldest; i <= newest && i - oldest < 4; i++)
      ms_history_info(memory, i, &state), ms_restore(memory, i);
  ms_undo(memory, 2, &newest);
  ms_history_find(memory, 7, &newest);
  for (uint32_t i = 0; !ms_diff(memory, oldest, newest) && i < 5; i++)
    ms_diff_slot(memory, i, text, text + 64);
  if (ms_close(memory)) abort();
}

static void make_good(void) {
  ms_memory* memory;
  float episode[32] = {1, 2, 3}, key[32] = {0};
  for (int i = 0; i < 3; i++) {
    key[i] = 1;
    if (i == 0 && ms_open(&memory, buffer, sizeof buffer, &config, &port, 0, NULL)) abort();
    if (ms_teach(memory, i ? i > 1 ? "c" : "b" : "a", episode, key, 1.0f, 0, NULL)) abort();
  }
  if (ms_close(memory)) abort();
  memcpy(good, card, sizeof card);
  memcpy(good_size, size, sizeof size);
}

static void repair_checksums(void) {
  ms_layout l;
  ms_layout_of(&l, config.slots, config.dim, config.slot_dtype);
  for (int copy = 0; copy < 2; copy++) {
    uint8_t* index = copy ? card[2] + MS_MARGIN : card[1];
    const uint8_t* slots = copy ? card[2] + MS_MARGIN + ms_index_bytes(&l) : card[0];
    uint8_t identity[MS_IDENTITY];
    memcpy(identity, index, sizeof identity);
    ms_put16(identity + 8, MS_IDENTITY_VERSION);
    ms_put32(index + 508, bm_crc32(0, index, 508));
    for (uint32_t i = 0; i < 5; i++) {
      uint8_t* record = index + MS_SECTOR + i * l.record_bytes;
      ms_put32(record + MS_R_SLOT_CRC, bm_crc32(0, slots + i * l.slot_bytes, l.slot_bytes));
      ms_record_seal(&l, identity, record);
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t bytes) {
  static int ready;
  if (!ready) make_good(), ready = 1;
  if (bytes < 1) return 0;
  memcpy(card, good, sizeof card);
  memcpy(size, good_size, sizeof size);
  uint8_t mode = *data++;
  bytes--;
  if (mode & 1) { /* patches: file, place, length, bytes */
    while (bytes >= 5) {
      uint32_t file = data[0] % FILES, n = data[4] % 64;
      uint32_t at = ((uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3]) % ROOM;
      data += 5, bytes -= 5;
      if (data[-1] & 0x80) at = (file == 2 || file == 5 ? MS_MARGIN : 0) + at % 6000;
      if (data[-1] == 0x7f) size[file] = at; /* another length, or missing */
      if (n > bytes) n = (uint32_t)bytes;
      if (at + n > ROOM) n = ROOM - at;
      memcpy(card[file] + at, data, n);
      data += n, bytes -= n;
    }
  } else { /* every file starts with the input */
    for (int i = 0; i < FILES; i++) {
      uint32_t at = i == 2 || i == 5 ? MS_MARGIN : 0;
      memcpy(card[i] + at, data, bytes < 4096 ? bytes : 4096);
    }
  }
  if (mode & 2) repair_checksums();
  ms_memory* memory;
  ms_report report;
  if (ms_open(&memory, buffer, sizeof buffer, &config, &port, mode & 4 ? MS_OPEN_NO_CREATE : 0, &report) ==
      MS_OK)
    use(memory);
  return 0;
}
