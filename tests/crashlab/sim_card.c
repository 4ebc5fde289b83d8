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

void* sim_need(void* memory) {
  if (memory) return memory;
  fprintf(stderr, "out of memory\n");
  exit(3);
}

void sim_init(sim_card* card, uint64_t disk_bytes, uint32_t layout, uint32_t first, uint64_t seed) {
  memset(card, 0, sizeof *card);
  card->layout = layout;
  card->disk_bytes = disk_bytes;
  card->low = (uint64_t)first * MS_SECTOR;
  card->high = disk_bytes;
  card->base.disk = sim_need(malloc(disk_bytes));
  card->work.disk = sim_need(malloc(disk_bytes));
  card->dirty = sim_need(malloc(disk_bytes / MS_SECTOR * sizeof *card->dirty));
  card->is_dirty = sim_need(calloc(disk_bytes / MS_SECTOR, 1));
  card->random = seed + 1;
  for (uint64_t i = 0; i < disk_bytes; i += 8) { /* what was deleted before */
    uint64_t word = sim_random(&seed);
    memcpy(card->base.disk + i, &word, 8);
  }
  memcpy(card->work.disk, card->base.disk, disk_bytes);
}

void sim_free(sim_card* card) {
  free(card->base.disk);
  free(card->work.disk);
  free(card->dirty);
  free(card->is_dirty);
  free(card->log.entry);
  free(card->tail.entry);
  free(card->reads);
}

static void mark(sim_card* card, uint64_t at, uint32_t bytes) {
  for (uint64_t s = at / MS_SECTOR; s <= (at + bytes - 1) / MS_SECTOR; s++) {
    if (card->is_dirty[s]) continue;
    card->is_dirty[s] = 1;
    card->dirty[card->dirty_count++] = (uint32_t)s;
  }
}

void sim_poke(sim_card* card, uint64_t at, const void* data, uint32_t bytes) {
  memcpy(card->work.disk + at, data, bytes);
  mark(card, at, bytes);
}

void sim_apply(sim_card* card, const sim_entry* entry) {
  if (entry->dropped) return;
  if (entry->kind == LOG_WRITE) sim_poke(card, entry->at, entry->data, entry->bytes);
  if (entry->kind == LOG_SIZE) card->work.size[entry->file] = entry->at;
}

static void copy_dirty(const sim_card* card, const uint8_t* from, uint8_t* to) {
  for (uint32_t i = 0; i < card->dirty_count; i++) {
    uint64_t at = (uint64_t)card->dirty[i] * MS_SECTOR;
    memcpy(to + at, from + at, MS_SECTOR);
  }
}

static void clean(sim_card* card) {
  for (uint32_t i = 0; i < card->dirty_count; i++) card->is_dirty[card->dirty[i]] = 0;
  card->dirty_count = 0;
}

void sim_rewind(sim_card* card) {
  copy_dirty(card, card->base.disk, card->work.disk);
  memcpy(card->work.size, card->base.size, sizeof card->work.size);
  clean(card);
  card->log.count = 0;
  card->calls = card->syncs = card->writes = 0;
  memset(&card->fault, 0, sizeof card->fault);
}

static sim_entry* add(sim_log* log) {
  if (log->count == log->room) {
    log->room = log->room ? 2 * log->room : 64;
    log->entry = sim_need(realloc(log->entry, log->room * sizeof *log->entry));
  }
  return &log->entry[log->count++];
}

void sim_begin(sim_card* card) {
  sim_rewind(card);
  for (uint32_t i = 0; i < card->tail.count; i++) {
    *add(&card->log) = card->tail.entry[i];
    sim_apply(card, &card->tail.entry[i]);
  }
}

void sim_copy_log(sim_log* to, const sim_log* from) {
  to->count = 0;
  for (uint32_t i = 0; i < from->count; i++) *add(to) = from->entry[i];
}

void sim_fork(sim_card* twin, const sim_card* card) {
  sim_rewind(twin);
  copy_dirty(card, card->work.disk, twin->base.disk);
  copy_dirty(card, card->work.disk, twin->work.disk);
  memcpy(twin->base.size, card->work.size, sizeof twin->base.size);
  memcpy(twin->work.size, card->work.size, sizeof twin->work.size);
  memcpy(twin->place, card->place, sizeof twin->place);
  twin->files = card->files;
  twin->random = card->random; /* else it would make the former memory again */
  twin->low = card->low;
  twin->high = card->high;
}

void sim_join(sim_card* twin, const sim_card* card) {
  sim_rewind(twin);
  copy_dirty(card, card->base.disk, twin->base.disk);
  copy_dirty(card, card->base.disk, twin->work.disk);
}

void sim_accept(sim_card* card, const sim_log* log, sim_card* twin) {
  uint32_t sure = log->count;
  while (sure && log->entry[sure - 1].kind != LOG_SYNC) sure--;
  sim_log open = {0};
  for (uint32_t i = sure; i < log->count; i++) *add(&open) = log->entry[i];
  sim_rewind(card);
  for (uint32_t i = 0; i < sure; i++) sim_apply(card, &log->entry[i]);
  copy_dirty(card, card->work.disk, card->base.disk);
  memcpy(card->base.size, card->work.size, sizeof card->base.size);
  sim_join(twin, card);
  clean(card);
  free(card->tail.entry);
  card->tail = open;
}

static sim_entry* record(sim_card* card, sim_entry_kind kind, int file, uint64_t at, const void* data,
                         uint32_t bytes) {
  if (!card->logging) return NULL;
  sim_entry* entry = add(&card->log);
  entry->kind = kind;
  entry->file = file;
  entry->at = at;
  entry->bytes = bytes;
  entry->dropped = 0;
  if (bytes) memcpy(entry->data, data, bytes);
  return entry;
}

void sim_flip(sim_card* card, uint64_t bit) {
  uint64_t sector = bit / 8 / MS_SECTOR * MS_SECTOR;
  uint8_t data[MS_SECTOR];
  memcpy(data, card->work.disk + sector, MS_SECTOR);
  data[bit / 8 % MS_SECTOR] ^= (uint8_t)(1u << bit % 8);
  record(card, LOG_WRITE, 0, sector, data, MS_SECTOR);
  sim_poke(card, sector, data, MS_SECTOR);
}

/* MS_OK, or what this call has to return instead of working. */
static int fails(sim_card* card, int kind) {
  const sim_fault* f = &card->fault;
  card->calls++;
  if (!f->call || (f->only && kind != (int)f->only)) return MS_OK;
  return card->calls == f->call || (f->sticky && card->calls > f->call) ? f->code : MS_OK;
}

static int refuse(int code) { return code == 1 ? MS_E_IO : code; }

static int find(const sim_card* card, const char* name) {
  for (uint32_t i = 0; i < card->files; i++)
    if (!strcmp(card->place[i].name, name)) return (int)i;
  return -1;
}

static int find_or_add(sim_card* card, const char* name) {
  int i = find(card, name);
  if (i >= 0) return i;
  if (card->files == SIM_FILES || strlen(name) >= sizeof card->place[0].name) return -1;
  strcpy(card->place[card->files].name, name);
  return (int)card->files++;
}

static int do_open(void* context, const char* name, int mode, int32_t* file) {
  sim_card* card = context;
  int code = fails(card, ALL_CALLS), i = mode == MS_CREATE ? find_or_add(card, name) : find(card, name);
  if (code) return refuse(code);
  if (i < 0) return mode == MS_CREATE ? MS_E_CARD_FULL : MS_E_NOT_FOUND;
  if (!card->work.size[i] && mode != MS_CREATE) return MS_E_NOT_FOUND;
  if (!card->work.size[i]) {
    card->work.size[i] = 1;
    record(card, LOG_SIZE, i, 1, NULL, 0);
  }
  *file = i;
  return MS_OK;
}

static int do_close(void* context, int32_t file) {
  (void)context;
  (void)file;
  return MS_OK;
}

static int do_size(void* context, int32_t file, uint64_t* bytes) {
  sim_card* card = context;
  int code = fails(card, ALL_CALLS);
  if (code) return refuse(code);
  *bytes = card->work.size[file] - 1;
  return MS_OK;
}

static int give_place(sim_card* card, sim_place* place, uint64_t bytes) {
  uint64_t want = (bytes + MS_SECTOR - 1) / MS_SECTOR * MS_SECTOR, gap = (card->layout >> 2) * MS_SECTOR;
  if (place->capacity >= want) return 1;
  if (card->low + gap + want > card->high) return 0;
  int from_end = (card->layout & 1) ^ ((card->layout & 2) ? card->files & 1 : 0);
  if (from_end)
    card->high -= want + gap;
  else
    card->low += want + gap;
  place->start = from_end ? card->high : card->low - want;
  place->capacity = want;
  return 1;
}

void sim_reserve(sim_card* card, const char* name, uint64_t bytes) {
  int i = find_or_add(card, name);
  if (i >= 0) give_place(card, &card->place[i], bytes);
}

static int do_preallocate(void* context, int32_t file, uint64_t bytes, int zeroed) {
  static const uint8_t zeros[MS_SECTOR];
  sim_card* card = context;
  sim_place* place = &card->place[file];
  int code = fails(card, ALL_CALLS);
  if (code) return code == 1 ? MS_E_CARD_FULL : code;
  uint64_t before = card->work.size[file] - 1, start = place->start;
  if (!give_place(card, place, bytes)) return MS_E_CARD_FULL;
  if (before && start != place->start) {
    fprintf(stderr, "%s grows from %llu to %llu bytes\n", place->name, (unsigned long long)before,
            (unsigned long long)bytes);
    abort();
  }
  if (zeroed && bytes > before) { /* the length only behind the zeros, as memstore.h demands */
    for (uint64_t at = before / MS_SECTOR * MS_SECTOR; at < bytes; at += MS_SECTOR) {
      uint32_t kept = at < before ? (uint32_t)(before - at) : 0;
      record(card, LOG_WRITE, file, place->start + at + kept, zeros, MS_SECTOR - kept);
      sim_poke(card, place->start + at + kept, zeros, MS_SECTOR - kept);
    }
    record(card, LOG_SYNC, 0, 0, NULL, 0);
  }
  card->work.size[file] = bytes + 1;
  record(card, LOG_SIZE, file, bytes + 1, NULL, 0);
  return MS_OK;
}

/* Does this transfer touch the bad sector? */
static int is_bad(const sim_card* card, uint64_t at, uint32_t bytes) {
  return card->fault.bad_reads && at / MS_SECTOR <= card->fault.bad_at / MS_SECTOR &&
         card->fault.bad_at < at + bytes;
}

static int32_t do_read(void* context, int32_t file, uint64_t offset, void* data, uint32_t bytes) {
  sim_card* card = context;
  int code = fails(card, READS_ONLY);
  if (code) memset(data, 0xa5, bytes); /* what a failed read leaves there is anything */
  if (code < 0) return code;
  if (code == 1) bytes /= 2;
  uint64_t size = card->work.size[file] - 1, at = card->place[file].start + offset;
  if (offset >= size) return 0;
  if (bytes > size - offset) bytes = (uint32_t)(size - offset);
  if (is_bad(card, at, bytes)) {
    if (card->fault.bad_reads != UINT32_MAX) card->fault.bad_reads--;
    return MS_E_IO;
  }
  for (uint64_t s = at / MS_SECTOR; card->noting && s * MS_SECTOR < at + bytes; s++) {
    if (card->read_count == card->read_room) {
      card->read_room = card->read_room ? 2 * card->read_room : 256;
      card->reads = sim_need(realloc(card->reads, card->read_room * sizeof *card->reads));
    }
    card->reads[card->read_count++] = s * MS_SECTOR;
  }
  memcpy(data, card->work.disk + at, bytes);
  return (int32_t)bytes;
}

static int32_t do_write(void* context, int32_t file, uint64_t offset, const void* data, uint32_t bytes) {
  sim_card* card = context;
  int code = fails(card, WRITES_ONLY);
  if (code < 0) return code;
  uint64_t size = card->work.size[file] - 1, at = card->place[file].start + offset;
  if (offset % MS_SECTOR || !bytes || offset + bytes > size) {
    fprintf(stderr, "a write outside of %s: %u bytes at %llu\n", card->place[file].name, bytes,
            (unsigned long long)offset);
    abort();
  }
  if (is_bad(card, at, bytes)) {
    if (card->fault.deaf) return MS_E_IO;
    card->fault.bad_reads = 0;
  }
  card->writes++;
  if (card->lose_mirror && !strcmp(card->place[file].name, "memory_backup.bin")) return (int32_t)bytes;
  if (card->fault.write == card->writes) {
    if (!card->fault.astray) return (int32_t)bytes;
    at = card->fault.astray - 1;
  }
  if (code == 1) bytes /= 2;
  for (uint32_t done = 0; done < bytes; done += MS_SECTOR) {
    uint32_t part = bytes - done < MS_SECTOR ? bytes - done : MS_SECTOR;
    if (at + done + part > card->disk_bytes) break; /* astray, and more than a sector */
    record(card, LOG_WRITE, file, at + done, (const uint8_t*)data + done, part);
    sim_poke(card, at + done, (const uint8_t*)data + done, part);
  }
  return (int32_t)bytes;
}

/* Since the last good barrier: each entry, or a part of them, is forgotten. */
static void forget_unsynced(sim_card* card) {
  uint64_t random = card->fault.drop;
  for (uint32_t i = card->log.count; i-- && card->log.entry[i].kind != LOG_SYNC;)
    if (!card->fault.drop || sim_random(&random) & 1)
      card->log.entry[i].dropped |= card->log.entry[i].kind == LOG_WRITE;
  if (!card->fault.revert) return;
  copy_dirty(card, card->base.disk, card->work.disk);
  for (uint32_t i = 0; i < card->log.count; i++)
    if (card->log.entry[i].kind == LOG_WRITE) sim_apply(card, &card->log.entry[i]);
}

static int do_sync(void* context) {
  sim_card* card = context;
  int code = fails(card, ALL_CALLS);
  if (code) return refuse(code);
  card->syncs++;
  if (card->fault.sync && card->syncs >= card->fault.sync &&
      card->syncs < card->fault.sync + card->fault.syncs) {
    forget_unsynced(card);
    return MS_E_IO;
  }
  if (!card->ignore_barriers) record(card, LOG_SYNC, 0, 0, NULL, 0);
  return MS_OK;
}

static int do_remove(void* context, const char* name) {
  sim_card* card = context;
  int code = fails(card, ALL_CALLS), i = find(card, name);
  if (code) return refuse(code);
  if (i < 0 || !card->work.size[i]) return MS_E_NOT_FOUND;
  card->work.size[i] = 0;
  record(card, LOG_SIZE, i, 0, NULL, 0);
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
