/* What the files of memstore share: the memory's state in RAM and the steps that touch the card.
 *
 * Each file calls only those that stand before it here: layout, card, slot, index, cache, spare, recover,
 * commit, metadata, states, restore, write, thing; then the interface: open, teach, forget, recall, history.
 */
#ifndef BITMAR_MS_MEMORY_H
#define BITMAR_MS_MEMORY_H

#include "bytes.h"
#include "layout.h"
#include "memstore.h"

#define MS_NONE 0xffffffffu

enum { MS_SLOTS_FILE, MS_INDEX_FILE, MS_BACKUP_FILE, MS_METADATA_FILE, MS_SPARE_FILE, MS_FILES };
/* flags of a slot: counters newer than the card's; not on the card at all */
enum { MS_DIRTY = 1, MS_UNSAVED = 2 };
/* The two copies of every sector; and a third one, which is there only while each of them has lost something.
 */
enum { MS_PRIMARY = 0, MS_MIRROR = 1, MS_COPIES = 2, MS_SPARE = 2, MS_SOURCES = 3 };

typedef struct {
  uint32_t slot; /* MS_NONE: free */
  uint64_t tick;
} ms_hot_entry;

/* How a slot was used since its record was sealed: the records in RAM stay as they are on the card. */
typedef struct {
  uint64_t last;
  uint32_t uses;
} ms_access;

/* One slot's next record and content, on their way to the card and into RAM. */
typedef struct {
  uint32_t slot;
  int with_content; /* 0: the slot's bytes stay what they are */
  uint8_t* record;  /* a sector's room; not sealed yet */
  uint8_t* content; /* a sector's room */
} ms_change;

struct ms_memory {
  ms_config config;
  ms_header header;
  const ms_port* port;
  int32_t file[MS_FILES];    /* -1: not open */
  uint8_t present[MS_FILES]; /* long enough to be read */
  int spare_status;          /* MS_OK, or why it is not known whether there is a spare copy */
  uint8_t read_only;
  uint8_t unresolved; /* a write failed and its outcome is not known: nothing is written before a scan */
  uint8_t written[MS_COPIES]; /* since the last barrier */
  uint8_t unknown[MS_COPIES]; /* a write or a barrier of it failed: not to be believed before written anew */
  uint8_t metadata_stale;
  int metadata_status;  /* of the last look at it or write of it */
  uint8_t broken_sizes; /* a file is missing or has the wrong length */
  int32_t segment;      /* the open file of states/, -1: none */
  uint32_t segment_number;
  uint32_t time;
  uint64_t clock, tick;
  ms_stats stats;
  uint8_t* index;    /* K records, as on the card */
  uint8_t* flags;    /* K */
  ms_access* access; /* K */
  uint32_t* hot_of;  /* K: entry of the hot cache or MS_NONE */
  ms_hot_entry* hot; /* config.hot */
  uint8_t* hot_data; /* config.hot slots, as on the card */
  float* work;       /* D */
  /* one sector each */
  uint8_t* index_read[MS_SOURCES]; /* the copies of an index sector, while they are compared */
  uint8_t* slots_read[MS_SOURCES]; /* the copies of a slot sector */
  uint8_t* index_built;            /* an index sector as it should be: built from RAM */
  uint8_t* slots_built;            /* a slot sector as it should be */
  ms_change change;                /* what a teach, forget or rename composes */
};

static inline uint8_t* ms_record(const ms_memory* m, uint32_t slot) {
  return m->index + (size_t)slot * m->header.layout.record_bytes;
}
static inline int ms_occupied(const ms_memory* m, uint32_t slot) {
  return ms_record(m, slot)[MS_R_STATE] == MS_OCCUPIED;
}

/* card.c: the port with counters; whole transfers or an error */
int ms_card_read(ms_memory* m, int32_t file, uint64_t offset, void* data, uint32_t bytes);
int ms_card_write(ms_memory* m, int32_t file, uint64_t offset, const void* data, uint32_t bytes);
int ms_card_sync(ms_memory* m);
int ms_read_index_sector(ms_memory* m, int copy, uint32_t sector, uint8_t* data); /* sector 0 is the header */
int ms_write_index_sector(ms_memory* m, int copy, uint32_t sector, const uint8_t* data);
int ms_read_slot_sector(ms_memory* m, int copy, uint32_t sector, uint8_t* data);
int ms_write_slot_sector(ms_memory* m, int copy, uint32_t sector, const uint8_t* data);
int ms_open_file(ms_memory* m, const char* name, int mode, int32_t* file);
int ms_close_files(ms_memory* m);

/* index.c: the records in RAM */
uint32_t ms_count_occupied(const ms_memory* m);
/* A record, sealed, becomes this slot's. */
void ms_set_record(ms_memory* m, uint32_t slot, const uint8_t* record);
/* The counters of now into a record that is to be sealed. */
void ms_put_access(const ms_memory* m, uint32_t slot, uint8_t* record);
/* Its seal is right: RAM holds what was read or written. */
int ms_record_intact(const ms_memory* m, uint32_t slot);
/* The sequence of the sector that this record is in, and the counters of now. MS_E_DAMAGED: it is not intact.
 */
int ms_stamp(ms_memory* m, uint32_t slot, uint64_t sequence);
/* What both copies of an index sector (1, 2, ...) should hold. MS_E_DAMAGED: a record in RAM is not intact.
 */
int ms_build_index_sector(const ms_memory* m, uint32_t sector, uint8_t* data);

/* cache.c */
const uint8_t* ms_hot_peek(const ms_memory* m, uint32_t slot); /* not an access: the LRU order stays */
uint8_t* ms_hot_find(ms_memory* m, uint32_t slot);
uint8_t* ms_hot_take(ms_memory* m, uint32_t slot); /* NULL: every entry is pinned by an unsaved episode */
void ms_hot_drop(ms_memory* m, uint32_t slot);
int ms_load_slot(ms_memory* m, uint32_t slot, uint8_t* bytes); /* slot_bytes, CRC checked, either copy */

/* slot.c: numbers <-> bytes of a slot */
float ms_encode_slot(const ms_layout* l, const float* values, uint8_t* bytes); /* returns the slot's scale */
void ms_decode_slot(const ms_layout* l, const uint8_t* bytes, float scale, float* values);
float ms_retention(const ms_memory* m, uint32_t slot,
                   uint64_t now); /* `now`: the clock that ages count from */

/* spare.c: the third copy */
void ms_spare_find(ms_memory* m);  /* present[MS_SPARE_FILE] and spare_status tell */
int ms_spare_make(ms_memory* m);   /* an empty one */
int ms_spare_remove(ms_memory* m); /* MS_OK where there is none */

/* recover.c: read both copies of everything, decide, repair */
int ms_scan(ms_memory* m, ms_report* report);

/* commit.c: the write protocol; after an error it is open what is on the card */
int ms_commit(ms_memory* m, ms_change* change);
int ms_commit_header(ms_memory* m, uint32_t pending);
int ms_commit_counters(ms_memory* m); /* every index sector with newer counters in RAM */

/* metadata.c */
uint64_t ms_metadata_bytes(const ms_layout* l);
void ms_metadata_check(ms_memory* m);
int ms_metadata_write(ms_memory* m, uint32_t* repaired);

/* states.c: the archive, state by state */
typedef struct {
  ms_memory* m;
  uint32_t per_file;
} ms_archive;
typedef struct {
  uint32_t time; /* unix seconds, 0: unknown */
  uint32_t
      known;    /* the same, or the last one that was known: never less than the state's before in this run */
  uint32_t run; /* a new one begins whenever the clock was set back */
} ms_when;
int ms_archive_open(ms_memory* m, ms_archive* a); /* MS_E_NOT_FOUND: there is none yet */
int ms_archive_close(ms_memory* m, int status);   /* returns status, or the error of the closing */
int ms_archive_when(ms_archive* a, uint32_t number, ms_when* when);
int ms_archive_count(ms_archive* a, uint32_t* count);
int ms_archive_header(ms_archive* a, uint32_t number, ms_state* state);
int ms_archive_check(ms_archive* a, uint32_t number); /* every record and slot */
int ms_archive_append(ms_archive* a, uint32_t number);
/* Sectors of a state's body: index sector 1.. or slot sector 0.. */
int ms_archive_index_sector(ms_archive* a, uint32_t number, uint32_t sector, uint8_t* data);
int ms_archive_slot_sector(ms_archive* a, uint32_t number, uint32_t sector, uint8_t* data);

/* restore.c */
int ms_restore_state(ms_memory* m, uint32_t number);       /* begin and finish */
int ms_finish_restore(ms_memory* m, uint32_t* state_gone); /* the one that the header names */

/* write.c: what every word that writes begins and ends with */
int ms_writable(ms_memory* m); /* may it write, and is it known what is on the card? */
int ms_resolve(ms_memory* m);  /* find out, repair, finish what was begun */
/* The records of this slot's index sector are intact in RAM: 0; they had to be read anew: 1, look again. */
int ms_mend(ms_memory* m, uint32_t slot);
int ms_save(ms_memory* m,
            ms_change* change); /* commit; after a failure the memory is old or new, never open */

/* thing.c: the slots of one name */
static inline const char* ms_name(const ms_memory* m, uint32_t slot) {
  return (const char*)ms_record(m, slot) + MS_R_NAME;
}
static inline const int8_t* ms_key(const ms_memory* m, uint32_t slot) {
  return (const int8_t*)ms_record(m, slot) + MS_KEY_AT;
}
static inline int ms_same_thing(const ms_memory* m, uint32_t a, uint32_t b) {
  return a == b || !strcmp(ms_name(m, a), ms_name(m, b));
}
int ms_kept(const ms_memory* m, uint32_t slot); /* any slot of its thing is */
/* The access of now and so many uses more, to every slot of this slot's thing. */
void ms_touch(ms_memory* m, uint32_t slot, uint32_t uses);
/* Highest cosine of this slot's key with one of another thing, -1 if there is none; *other: its slot, or
 * MS_NONE. */
float ms_most_alike(const ms_memory* m, uint32_t slot, uint32_t* other);
/* All slots of this name, one write for each that has another importance. */
int ms_set_importance(ms_memory* m, const char* name, float value);
/* A copy of the slot's record, with the counters of now, in m->change, whose content stays. */
ms_change* ms_revise(ms_memory* m, uint32_t slot);
/* Into m->change: a name; an episode, its scale and whether it decodes. */
void ms_put_name(uint8_t* record, const char* name);
void ms_put_episode(ms_memory* m, const float* episode, uint32_t flags);
int ms_all_finite(const float* x, uint32_t n);
/* A change becomes the slot's: on the card, or in RAM where the slot is not on it; in RAM in any case. */
int ms_save_record(ms_memory* m, ms_change* change);
int ms_keep_in_ram(ms_memory* m, ms_change* change);

#endif
