#include "sim_card.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t sim_random(uint64_t* state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

static void* need(void* memory) {
  if (memory) return memory;
  fprintf(stderr, "out of memory\n");
  exit(3);
}

void sim_init(sim_card* card, const ms_config* config, uint32_t layout, uint32_t first, uint64_t seed) {
  static const char* const names[] = {"memory_slots.bin",     "memory_index.bin",  "memory_backup.bin",
                                      "memory_metadata.json", "states/000000.bin", "states/000001.bin",
                                      "memory_spare.bin"};
  static const uint8_t orders[4][4] = {{0, 1, 2, 3}, {2, 0, 1, 3}, {1, 3, 2, 0}, {3, 2, 1, 0}};
  ms_file_sizes sizes;
  memset(card, 0, sizeof *card);
  ms_card_size(config, &sizes);
  uint64_t bytes[] = {sizes.slots,           sizes.index,           sizes.backup, sizes.metadata,
                      config->segment_bytes, config->segment_bytes, sizes.backup};
  uint64_t at = (uint64_t)first * MS_SECTOR;
  card->files = 7;
  for (uint32_t i = 0; i < card->files; i++) {
    uint32_t file = i < 4 ? orders[layout & 3][i] : i;
    card->place[file].name = names[file];
    card->place[file].start = at;
    card->place[file].capacity = (bytes[file] + MS_SECTOR - 1) / MS_SECTOR * MS_SECTOR;
    at += card->place[file].capacity;
  }
  card->disk_bytes = at;
  card->base.disk = need(malloc(at));
  card->work.disk = need(malloc(at));
  card->dirty = need(malloc(at / MS_SECTOR * sizeof *card->dirty));
  card->is_dirty = need(calloc(at / MS_SECTOR, 1));
  card->random = seed + 1;
  for (uint64_t i = 0; i < at; i += 8) { /* what was deleted before */
    uint64_t word = sim_random(&seed);
    memcpy(card->base.disk + i, &word, 8);
  }
  memcpy(card->work.disk, card->base.disk, at);
}

void sim_free(sim_card* card) {
  free(card->base.disk);
  free(card->work.disk);
  free(card->dirty);
  free(card->is_dirty);
  free(card->log);
}

static void mark(sim_card* card, uint64_t at, uint32_t bytes) {
  for (uint64_t s = at / MS_SECTOR; s <= (at + bytes - 1) / MS_SECTOR; s++) {
    if (card->is_dirty[s]) continue;
    card->is_dirty[s] = 1;
    card->dirty[card->dirty_count++] = (uint32_t)s;
  }
}

static void settle(sim_card* card, const sim_image* from, sim_image* to) {
  for (uint32_t i = 0; i < card->dirty_count; i++) {
    uint64_t at = (uint64_t)card->dirty[i] * MS_SECTOR;
    memcpy(to->disk + at, from->disk + at, MS_SECTOR);
    card->is_dirty[card->dirty[i]] = 0;
  }
  memcpy(to->size, from->size, sizeof to->size);
  card->dirty_count = 0;
  card->log_count = 0;
  card->calls = card->fail_at = 0;
}

void sim_reset(sim_card* card) { settle(card, &card->base, &card->work); }
void sim_accept(sim_card* card) { settle(card, &card->work, &card->base); }

void sim_poke(sim_card* card, uint64_t at, const void* data, uint32_t bytes) {
  memcpy(card->work.disk + at, data, bytes);
  mark(card, at, bytes);
}

static void record(sim_card* card, sim_entry_kind kind, int file, uint64_t at, const void* data,
                   uint32_t bytes) {
  if (!card->logging) return;
  if (card->log_count == card->log_room) {
    card->log_room = card->log_room ? 2 * card->log_room : 64;
    card->log = need(realloc(card->log, card->log_room * sizeof *card->log));
  }
  sim_entry* entry = &card->log[card->log_count++];
  entry->kind = kind;
  entry->file = file;
  entry->at = at;
  entry->bytes = bytes;
  if (bytes) memcpy(entry->data, data, bytes);
}

/* MS_OK, or what this call has to return instead of working. */
static int fails(sim_card* card) {
  card->calls++;
  if (!card->fail_at) return MS_OK;
  return card->calls == card->fail_at || (card->fail_sticky && card->calls > card->fail_at) ? card->fail_code
                                                                                            : MS_OK;
}

static int refuse(int code) { return code == 1 ? MS_E_IO : code; }

static int do_open(void* context, const char* name, int mode, int32_t* file) {
  sim_card* card = context;
  int code = fails(card);
  if (code) return refuse(code);
  for (uint32_t i = 0; i < card->files; i++) {
    if (strcmp(card->place[i].name, name)) continue;
    if (!card->work.size[i]) {
      if (mode != MS_CREATE) return MS_E_NOT_FOUND;
      card->work.size[i] = 1;
      record(card, LOG_SIZE, (int)i, 1, NULL, 0);
    }
    card->open_handles++;
    *file = (int32_t)i;
    return MS_OK;
  }
  return mode == MS_CREATE ? MS_E_CARD_FULL : MS_E_NOT_FOUND;
}

static int do_close(void* context, int32_t file) {
  (void)file;
  ((sim_card*)context)->open_handles--;
  return MS_OK;
}

static int do_size(void* context, int32_t file, uint64_t* bytes) {
  sim_card* card = context;
  int code = fails(card);
  if (code) return refuse(code);
  *bytes = card->work.size[file] - 1;
  return MS_OK;
}

static int do_preallocate(void* context, int32_t file, uint64_t bytes, int zeroed) {
  static const uint8_t zeros[MS_SECTOR];
  sim_card* card = context;
  int code = fails(card);
  if (code) return code == 1 ? MS_E_CARD_FULL : code;
  if (bytes > card->place[file].capacity) return MS_E_CARD_FULL;
  uint64_t before = card->work.size[file] - 1;
  if (zeroed && bytes > before) { /* the length only behind the zeros, as memstore.h demands */
    for (uint64_t at = before / MS_SECTOR * MS_SECTOR; at < bytes; at += MS_SECTOR) {
      uint32_t kept = at < before ? (uint32_t)(before - at) : 0;
      record(card, LOG_WRITE, file, card->place[file].start + at + kept, zeros, MS_SECTOR - kept);
      sim_poke(card, card->place[file].start + at + kept, zeros, MS_SECTOR - kept);
    }
    record(card, LOG_SYNC, 0, 0, NULL, 0);
  }
  card->work.size[file] = bytes + 1;
  record(card, LOG_SIZE, file, bytes + 1, NULL, 0);
  return MS_OK;
}

static int32_t do_read(void* context, int32_t file, uint64_t offset, void* data, uint32_t bytes) {
  sim_card* card = context;
  int code = fails(card);
  if (code < 0) return code;
  if (code == 1) bytes /= 2;
  uint64_t size = card->work.size[file] - 1;
  if (offset >= size) return 0;
  if (bytes > size - offset) bytes = (uint32_t)(size - offset);
  memcpy(data, card->work.disk + card->place[file].start + offset, bytes);
  return (int32_t)bytes;
}

static int32_t do_write(void* context, int32_t file, uint64_t offset, const void* data, uint32_t bytes) {
  sim_card* card = context;
  int code = fails(card);
  if (code < 0) return code;
  uint64_t size = card->work.size[file] - 1, at = card->place[file].start + offset;
  if (offset % MS_SECTOR || bytes > MS_SECTOR || offset + bytes > size) {
    fprintf(stderr, "a write outside of %s: %u bytes at %llu\n", card->place[file].name, bytes,
            (unsigned long long)offset);
    abort();
  }
  if (code == 1) bytes /= 2;
  if (card->drop_mirror_writes && file == 2) return (int32_t)bytes;
  if (bytes) {
    record(card, LOG_WRITE, file, at, data, bytes);
    sim_poke(card, at, data, bytes);
  }
  return (int32_t)bytes;
}

static int do_sync(void* context) {
  sim_card* card = context;
  int code = fails(card);
  if (code) return refuse(code);
  record(card, LOG_SYNC, 0, 0, NULL, 0);
  return MS_OK;
}

static int do_remove(void* context, const char* name) {
  sim_card* card = context;
  for (uint32_t i = 0; i < card->files; i++) {
    if (strcmp(card->place[i].name, name)) continue;
    card->work.size[i] = 0;
    record(card, LOG_SIZE, (int)i, 0, NULL, 0);
  }
  return MS_OK;
}

static uint32_t do_random(void* context) {
  sim_card* card = context;
  return (uint32_t)sim_random(&card->random);
}

ms_port sim_port(sim_card* card) {
  return (ms_port){.context = card,
                   .open = do_open,
                   .close = do_close,
                   .size = do_size,
                   .preallocate = do_preallocate,
                   .read = do_read,
                   .write = do_write,
                   .sync = do_sync,
                   .remove = do_remove,
                   .random = do_random};
}
