/* What the files of memstore share: the memory's state in RAM and the steps that touch the card.
 *
 * Each file calls only those that stand before it here: layout, card, slot, index, header, log_file, entry,
 * cache, spare, log_scan, past, log, recover, commit, metadata, go_back, write, thing; then the interface:
 * open, teach, forget, recall, history. */
#ifndef BITMAR_MS_MEMORY_H
#define BITMAR_MS_MEMORY_H

#include "bytes.h"
#include "layout.h"
#include "memstore.h"

#define MS_NONE 0xffffffffu
#define MS_LOG_NAME sizeof("history/000000.bin")

enum { MS_SLOTS_FILE, MS_INDEX_FILE, MS_BACKUP_FILE, MS_METADATA_FILE, MS_SPARE_FILE, MS_FILES };
/* Flags of a slot. */
enum {
  MS_DIRTY = 1,    /* counters newer than the card's */
  MS_UNSAVED = 2,  /* not on the card at all */
  MS_UNLOGGED = 4, /* not in the log as it is in a copy */
  /* what the log has is not there yet */
  MS_BEHIND_SLOTS = 8,
  MS_BEHIND_INDEX = 16,
  MS_BEHIND_MIRROR = 32,
  MS_BEHIND = MS_BEHIND_SLOTS | MS_BEHIND_INDEX | MS_BEHIND_MIRROR
};
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

/* What an entry of the log says of its write beside the record and the slot. */
typedef struct {
  uint8_t action;           /* ms_write */
  uint8_t more;             /* 1: of a group, and not the last of it: the last one makes all of it count */
  uint32_t time;            /* of the write, 0: not known */
  char name[MS_NAME_BYTES]; /* of what was forgotten; else the record has it */
} ms_deed;

/* One slot's next record and content, on their way to the card and into RAM. */
typedef struct {
  uint32_t slot;
  int with_content; /* 0: the slot's bytes stay what they are */
  uint8_t* record;  /* a sector's room; not sealed yet */
  uint8_t* content; /* a sector's room */
  ms_deed deed;     /* what the history says of it */
} ms_change;

/* Where an entry or a keyframe of a slot is: 1 + an entry's position, or MS_KEYFRAME + a block; 0: nowhere.
 */
#define MS_KEYFRAME 0x80000000u

/* The log's end. Positions count its entries; entry p is written into lane p % 2 and, with the next one, into
 * the other. */
typedef struct {
  uint8_t missing;    /* there should be a log, and none was found */
  uint8_t unsure;     /* a write of `end` failed: what its lane has there is not known */
  uint8_t lag;        /* entry end - 1 is in its own lane only */
  uint8_t rewrite[2]; /* a repair of this lane failed: nothing that was written is known to be there */
  uint8_t touched;    /* sectors of a header or a keyframe went out with the last write */
  uint8_t fresh_file; /* the last write was spread over two files */
  uint32_t end;       /* position of the next entry */
  uint32_t sure;      /* less than it where the entries before it cannot be read */
  uint64_t begun;     /* sequence of the oldest block: lower ones are of a history that was deleted */
  uint32_t earliest;  /* of the times that are known of the writes in the newest block; 0xffffffff: none is */
  uint32_t* at[3];    /* K: where each slot's content is: now, and in two states that are being looked at */
  uint8_t* header;    /* a sector: of the newest block */
  uint8_t* tail;      /* the newest entry that stands in the backup file, unpacked */
  uint32_t tail_slot; /* its slot, MS_NONE: there is none */
  uint8_t* last;      /* entry end - 1, as it is on the card */
  uint8_t* fresh;     /* the one that is being written */
  uint8_t* keyframe;  /* the one that goes with it */
  uint8_t* read[2];   /* an entry of each lane */
} ms_log;
enum { MS_NOW = 0, MS_THEN = 1, MS_OTHER = 2 };

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
  int32_t segment;      /* the open file of history/, -1: none */
  uint32_t segment_number;
  ms_log log;
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
int ms_card_sync_file(ms_memory* m, int32_t file); /* where the port can: a barrier for one file alone */
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
/* All records of an index sector get the sequence of the newest. */
int ms_equalise(ms_memory* m, uint32_t first, uint32_t end);
/* What both copies of an index sector (1, 2, ...) should hold. MS_E_DAMAGED: a record in RAM is not intact.
 */
int ms_build_index_sector(const ms_memory* m, uint32_t sector, uint8_t* data);

/* header.c */
int ms_commit_header(ms_memory* m, const ms_header* wanted); /* with the next sequence */

/* log_file.c: the files of the log */
int ms_log_open_file(ms_memory* m, uint32_t number, int mode); /* m->segment is it then */
int ms_log_need_file(ms_memory* m, uint32_t number);           /* make it if it is not there */
int ms_log_whole_file(ms_memory* m, uint32_t number); /* one that was cut short gets its length again */
int ms_log_has_file(ms_memory* m, uint32_t number, int* yes);
int ms_log_remove_file(ms_memory* m, uint32_t number);
/* Sectors of a block's lane. MS_E_NOT_FOUND: its file is missing; MS_E_DAMAGED: it is too short. */
int ms_log_read(ms_memory* m, int lane, uint32_t block, uint32_t sector, void* data, uint32_t sectors);
int ms_log_write(ms_memory* m, int lane, uint32_t block, uint32_t sector, const void* data, uint32_t sectors);
static inline uint32_t ms_entry_bytes(const ms_layout* l) { return l->entry_sectors * MS_SECTOR; }
static inline uint32_t ms_entry_sector(const ms_layout* l, uint32_t place) {
  return 1 + place * l->entry_sectors;
}
static inline uint32_t ms_keyframe_sector(const ms_layout* l, uint32_t slot) {
  return 1 + (l->block_entries + slot) * l->entry_sectors;
}
/* The first block of the oldest file, and the position of the oldest state that can be gone back to. */
static inline uint32_t ms_log_first_block(const ms_memory* m) {
  return m->header.first_file * m->header.file_blocks;
}
static inline uint32_t ms_log_first_state(const ms_memory* m) {
  return (ms_log_first_block(m) + 1) * m->header.layout.block_entries - 1;
}

/* entry.c: entries, keyframes and block headers, as bytes */
/* `where`: an entry's position, or MS_KEYFRAME | the block that a keyframe is for. */
void ms_entry_pack(const ms_memory* m, uint32_t where, const uint8_t* record, const uint8_t* content,
                   const ms_deed* deed, uint8_t* entry);
/* MS_OK: `entry` is now the record as it stands in the index, then the slot. MS_E_DAMAGED: it is no entry. */
int ms_entry_unpack(const ms_memory* m, uint32_t where, uint8_t* entry, ms_deed* deed);
/* `begins`: the log does, this block has a keyframe only. */
void ms_block_pack(const ms_memory* m, uint32_t block, uint64_t sequence, uint32_t earliest, int begins,
                   uint8_t* sector);
int ms_block_begins(const uint8_t* sector);
int ms_block_any(const uint8_t* sector); /* a block header, of whatever memory */
int ms_block_valid(const ms_memory* m, uint32_t block, const uint8_t* sector);
uint64_t ms_block_sequence(const uint8_t* sector); /* every entry of the block has a higher one */
uint32_t ms_block_earliest(const uint8_t* sector);
/* The valid one of either lane, unpacked; the pointer is into m->log.read[0]. NULL: `status` says why. */
const uint8_t* ms_entry_at(ms_memory* m, uint32_t position, ms_deed* deed, int* status);
const uint8_t* ms_keyframe_of(ms_memory* m, uint32_t block, uint32_t slot, int* status);
const uint8_t* ms_entry_where(ms_memory* m, uint32_t slot, uint32_t where, int* status);
static inline int ms_entry_is_of(const uint8_t* entry, uint32_t slot) { /* MS_NONE: of any */
  return slot == MS_NONE || ms_get16(entry + MS_R_SLOT) == slot;
}
int ms_block_read(ms_memory* m, uint32_t block, uint8_t* sector);
int ms_same_record(const ms_layout* l, const uint8_t* a, const uint8_t* b);

/* cache.c */
const uint8_t* ms_hot_peek(const ms_memory* m, uint32_t slot); /* not an access: the LRU order stays */
uint8_t* ms_hot_find(ms_memory* m, uint32_t slot);
uint8_t* ms_hot_take(ms_memory* m, uint32_t slot); /* NULL: every entry is pinned by an unsaved episode */
void ms_hot_drop(ms_memory* m, uint32_t slot);
/* slot_bytes, CRC checked: of an occupied slot, from the cache where that is right, else from the card */
int ms_slot_content(ms_memory* m, uint32_t slot, uint8_t* bytes);
/* the same, from either copy or the log */
int ms_load_slot(ms_memory* m, uint32_t slot, uint8_t* bytes);

/* slot.c: numbers <-> bytes of a slot */
float ms_encode_slot(const ms_layout* l, const float* values, uint8_t* bytes); /* returns the slot's scale */
void ms_decode_slot(const ms_layout* l, const uint8_t* bytes, float scale, float* values);
float ms_retention(const ms_memory* m, uint32_t slot,
                   uint64_t now); /* `now`: the clock that ages count from */

/* spare.c: the third copy */
void ms_spare_find(ms_memory* m);  /* present[MS_SPARE_FILE] and spare_status tell */
int ms_spare_make(ms_memory* m);   /* an empty one */
int ms_spare_remove(ms_memory* m); /* MS_OK where there is none */

/* log_scan.c: find the log's end and where each slot's newest content is; make both lanes whole */
int ms_log_scan(ms_memory* m, ms_report* report);

/* past.c: states of the past */
/* The position of the last state at or before this one, which is a state's or a group's, and what its write
 * did. */
void ms_past_state(ms_memory* m, uint32_t* position, ms_deed* deed);
/* Fill at[which] with where each slot's content of that state is. */
int ms_past_locate(ms_memory* m, uint32_t position, int which);
/* The last state that was written at or before this time. */
int ms_past_find(ms_memory* m, uint32_t unix_seconds, uint32_t* position);
/* The earliest time of all writes in the blocks that end before this one and that its header speaks of. */
uint32_t ms_past_earliest(ms_memory* m, uint32_t block);

/* log.c: write it */
int ms_log_begin(ms_memory* m, int is_new); /* its first block, or one in a file of its own; not the header */
/* A sealed record and its slot. Behind the barrier it is on the card, and no region that the next write
 * touches has its only copy. */
int ms_log_append(ms_memory* m, const uint8_t* record, const uint8_t* content, const ms_deed* deed);
int ms_log_catch_up(ms_memory* m); /* the newest entry into the other lane; no barrier */
int ms_log_write_tail(ms_memory* m);
void ms_log_read_tail(ms_memory* m);
int ms_log_settle(ms_memory* m); /* after a failed write: make sure that it is not there */

/* recover.c: read both copies of everything and the log, decide, repair */
int ms_scan(ms_memory* m, ms_report* report);

/* commit.c: the write protocol; after an error it is open what is on the card */
int ms_commit(ms_memory* m, ms_change* change);
int ms_commit_begin(ms_memory* m);  /* a log where there is none yet, or none any more */
int ms_commit_copies(ms_memory* m); /* every sector that is newer in RAM or in the log than in a copy */

/* metadata.c */
uint64_t ms_metadata_bytes(const ms_layout* l);
void ms_metadata_check(ms_memory* m);
int ms_metadata_write(ms_memory* m, uint32_t* repaired);

/* go_back.c */
/* All of it or nothing; then m->unresolved: it is to be read from the card. */
int ms_go_back(ms_memory* m, uint32_t position, uint8_t action);

/* write.c: what every word that writes begins and ends with */
int ms_writable(ms_memory* m); /* may it write, and is it known what is on the card? */
int ms_complete(ms_memory* m); /* after a scan: what the copies have and the log has not goes into the log */
int ms_resolve(ms_memory* m);  /* find out, repair, finish what was begun */
/* The records of this slot's index sector are intact in RAM: 0; they had to be read anew: 1, look again. */
int ms_mend(ms_memory* m, uint32_t slot);
/* Commit; after a failure the memory is as it was, here and on the card, or it is not known and
 * m->unresolved. */
int ms_save(ms_memory* m, ms_change* change);

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
/* ms_cosine of vectors whose products with each other and with themselves are summed up already */
float ms_cosine_of_sums(int32_t dot, int32_t aa, int32_t bb);
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
