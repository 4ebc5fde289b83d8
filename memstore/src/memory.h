/* What the files of memstore share: the memory's state in RAM and the steps that touch the card. */
#ifndef BITMAR_MS_MEMORY_H
#define BITMAR_MS_MEMORY_H

#include "bytes.h"
#include "layout.h"
#include "memstore.h"

#define MS_NONE 0xffffffffu

enum { MS_SLOTS_FILE = 0, MS_INDEX_FILE = 1, MS_BACKUP_FILE = 2, MS_METADATA_FILE = 3, MS_FILES = 4 };
enum {
  MS_DIRTY = 1,
  MS_UNSAVED = 2
}; /* flags of a slot: counters newer than the card's; not on the card at all */

typedef struct {
  uint32_t slot; /* MS_NONE: free */
  uint64_t tick;
} ms_hot_entry;

struct ms_memory {
  ms_config config;
  ms_header header;
  const ms_port* port;
  int32_t file[MS_FILES]; /* -1: not open */
  uint8_t present[3];     /* slots, index, backup: long enough to be read */
  uint8_t read_only;
  uint8_t unresolved; /* a write failed and its outcome is not known: nothing is written before a scan */
  uint8_t metadata_stale;
  uint8_t broken_sizes; /* a file is missing or has the wrong length */
  int32_t segment;      /* the open file of states/, -1: none */
  uint32_t segment_number;
  uint32_t time;
  uint64_t clock, tick;
  ms_stats stats;
  uint8_t* index;      /* K records, as on the card */
  uint8_t* flags;      /* K */
  uint32_t* hot_of;    /* K: entry of the hot cache or MS_NONE */
  ms_hot_entry* hot;   /* config.hot */
  uint8_t* hot_data;   /* config.hot slots, as on the card */
  uint8_t* scratch[4]; /* sectors: primary index, mirror index, primary slots, mirror slots */
  uint8_t* new_record; /* a sector */
  uint8_t* new_slot;   /* a sector */
  float* work;         /* D */
};

static inline uint8_t* ms_record(const ms_memory* m, uint32_t slot) {
  return m->index + (size_t)slot * m->header.layout.record_bytes;
}
static inline int ms_occupied(const ms_memory* m, uint32_t slot) {
  return ms_record(m, slot)[MS_R_STATE] == MS_OCCUPIED;
}

/* card.c: the port with counters; whole transfers or an error */
enum { MS_PRIMARY = 0, MS_MIRROR = 1 };
int ms_card_read(ms_memory* m, int32_t file, uint64_t offset, void* data, uint32_t bytes);
int ms_card_write(ms_memory* m, int32_t file, uint64_t offset, const void* data, uint32_t bytes);
int ms_card_sync(ms_memory* m);
int ms_read_index_sector(ms_memory* m, int copy, uint32_t sector, uint8_t* data); /* sector 0 is the header */
int ms_write_index_sector(ms_memory* m, int copy, uint32_t sector, const uint8_t* data);
int ms_read_slot_sector(ms_memory* m, int copy, uint32_t sector, uint8_t* data);
int ms_write_slot_sector(ms_memory* m, int copy, uint32_t sector, const uint8_t* data);
int ms_open_file(ms_memory* m, const char* name, int mode, int32_t* file);
void ms_close_files(ms_memory* m);

/* recover.c: read both copies of everything, decide, repair */
int ms_scan(ms_memory* m, ms_report* report);
int ms_resolve(ms_memory* m);
void ms_stamp(ms_memory* m, uint32_t slot, uint64_t sequence);
void ms_build_index_sector(ms_memory* m, uint32_t sector, uint8_t* data);

/* commit.c: the write protocol */
int ms_commit(ms_memory* m, uint32_t slot,
              int with_slot); /* new_record (unsealed), new_slot -> the card and RAM */
int ms_commit_header(ms_memory* m, uint32_t pending);
int ms_writable(ms_memory* m);

/* cache.c */
uint8_t* ms_hot_find(ms_memory* m, uint32_t slot);
uint8_t* ms_hot_take(ms_memory* m, uint32_t slot); /* NULL: every entry is pinned by an unsaved episode */
void ms_hot_drop(ms_memory* m, uint32_t slot);
int ms_load_slot(ms_memory* m, uint32_t slot, uint8_t* bytes); /* slot_bytes, CRC checked, either copy */

/* slot.c: numbers <-> bytes of a slot */
float ms_encode_slot(const ms_layout* l, const float* values, uint8_t* bytes); /* returns the slot's scale */
void ms_decode_slot(const ms_layout* l, const uint8_t* bytes, float scale, float* values);
float ms_retention(const ms_memory* m, uint32_t slot,
                   uint64_t now); /* `now`: the clock that ages count from */

/* metadata.c */
uint64_t ms_metadata_bytes(const ms_layout* l);
int ms_metadata_check(ms_memory* m);
int ms_metadata_write(ms_memory* m, uint32_t* repaired);

/* history.c */
int ms_finish_restore(ms_memory* m, ms_report* report);

#endif
