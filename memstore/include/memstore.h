/* memstore: the episodic memory on the card.
 *
 * K slots of D numbers, a key and a name for each, kept in the four files that docs/sd-format.md describes.
 * The index (keys, names, counters) lives in RAM, slots are read from the card through an LRU cache of `hot`
 * slots. A teach, forget or rename is on the card when it returns, and a power cut at any moment leaves the
 * state before or after it.
 *
 * No malloc, no global state, no stdio: the caller gives one buffer of ms_memory_size() bytes and a storage
 * port. Functions return MS_OK (0) or a negative ms_error; after an error of a write the memory is what it
 * was before. Only where the card fails for good in the middle of a write it is open whether the old or the
 * new state is on it: the next call that reaches the card finds out, and so does the next ms_open. One memory
 * is for one thread. Floats are IEEE binary32; build with -ffp-contract=off for equal bits everywhere.
 */
#ifndef BITMAR_MEMSTORE_H
#define BITMAR_MEMSTORE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MS_FORMAT_VERSION 2
#define MS_SECTOR 512u    /* bytes; everything is written in whole sectors, in place */
#define MS_NAME_BYTES 64u /* room for a name of at most 63 bytes of UTF-8 and its NUL */
#define MS_MAX_SLOTS 32768u
#define MS_MAX_DIM 256u

/* What the consoles set in ms_config and pass to ms_teach and ms_confirm (docs/decisions.md: measured). */
#define MS_PROTOTYPES 2u
#define MS_SAME_PICTURE \
  0.9f /* one in 10,000 pairs of different things is as alike, a picture is like itself */
#define MS_EASILY_CONFUSED 0.6f /* said when taught: 3 of 1,000 pairs of different things are as alike */
#define MS_TAUGHT 0.5f          /* importance of what is taught */
#define MS_RIGHT 0.1f           /* its step where an answer was right */
#define MS_WRONG (-0.2f)        /* and where it was wrong */

typedef enum {
  MS_OK = 0,
  MS_E_ARGUMENT = -1,      /* a null pointer, a slot out of range, a config that does not fit together */
  MS_E_BUFFER = -2,        /* the caller's buffer is smaller than ms_memory_size() */
  MS_E_NO_CARD = -3,       /* the card or its folder is missing */
  MS_E_LOCKED = -4,        /* another process has this card open */
  MS_E_READ_ONLY = -5,     /* the card cannot be written, or was opened with MS_OPEN_READ_ONLY */
  MS_E_CARD_FULL = -6,     /* no room on the card */
  MS_E_IO = -7,            /* the card returned an error or fewer bytes than asked */
  MS_E_FORMAT = -8,        /* not a memory, or both headers and all records damaged */
  MS_E_VERSION = -9,       /* another version of the format */
  MS_E_MODEL = -10,        /* the memory of another model */
  MS_E_SHAPE = -11,        /* same model, other number of slots, dimension or slot type */
  MS_E_NAME_EMPTY = -12,   /* a name needs 1 to 63 bytes */
  MS_E_NAME_LONG = -13,    /* more than 63 bytes */
  MS_E_NAME_UTF8 = -14,    /* not valid UTF-8 */
  MS_E_NOT_FOUND = -15,    /* no such name, state or file */
  MS_E_VALUE = -16,        /* a NaN or an infinity in an episode, a key or an importance */
  MS_E_DAMAGED = -17,      /* both copies of this slot or state are damaged */
  MS_E_MEMORY_FULL = -18,  /* every slot holds something saved, and this episode is too unimportant to be */
  MS_E_MIXED = -19,        /* the files belong to two memories: nothing is changed */
  MS_E_CLOCK = -20,        /* the memory's clock is at its end: nothing can be written any more */
  MS_E_OTHER_NAME = -21,   /* the same picture has another name: MS_REPLACE or MS_BOTH says what is meant */
  MS_E_HISTORY_FULL = -22, /* no room for another state, and none is to be dropped */
} ms_error;

/* One sentence in English, without a full stop; never NULL. */
const char* ms_strerror(int error);

/* ---- configuration ---- */

typedef enum { MS_FP16 = 0, MS_INT8 = 1 } ms_dtype;
/* Where there is no room for another state: the oldest file of them goes, or nothing is written any more. */
typedef enum { MS_HISTORY_DROP = 0, MS_HISTORY_STOP = 1 } ms_full_history;

typedef struct {
  uint32_t slots;         /* K, 1..MS_MAX_SLOTS */
  uint32_t dim;           /* D, a power of two, 16..MS_MAX_DIM */
  uint32_t hot;           /* slots held in RAM, 1..K */
  uint32_t slot_dtype;    /* ms_dtype */
  float alpha;            /* the n-th view weighs max(1 / n, alpha) in its thing's key; 0..1 */
  float merge_threshold;  /* cosine of keys from which on a same-named episode is merged into that slot */
  uint32_t prototypes;    /* most slots of one thing (one name); 0: no limit */
  float same_picture;     /* cosine of keys from which on it is the same picture, so that another name is a
                             question; 0: never asked, and MS_REPLACE takes merge_threshold for it */
  float min_importance;   /* episodes below it are not saved to the card (0: all are saved) */
  uint32_t segment_bytes; /* of one file of history/, 128 KiB of it margins; 0: 2 MiB; at least one block */
  uint32_t history_files; /* so many of them at most (2 or more), 0: as many as the card has room for */
  uint32_t history;       /* ms_full_history */
  uint32_t lazy; /* 1: slots and index are written by ms_flush and ms_close alone: 2 sectors a write */
  uint32_t salt; /* of a memory that is made, for files that are to be compared; 0: a random one */
  uint8_t model_hash[8]; /* of the model's ternary codes and scales: keys of another model mean nothing */
} ms_config;

/* Bytes of RAM that ms_open needs, 0 if the config is not valid. A RAM-only memory (no port) needs no more.
 */
size_t ms_memory_size(const ms_config* config);

/* An upper bound of it for a static array; D of up to 128, or more. */
#define MS_MEMORY_BYTES(slots, dim, hot)                                                           \
  (6656u + ((dim) > 128 ? 7168u : 4096u) + (size_t)(slots) * (((dim) > 128 ? 512u : 256u) + 44u) + \
   (size_t)(hot) * (2u * (dim) + 16u) + 4u * (dim))

/* Bytes of each file on the card. */
typedef struct {
  uint64_t slots, index, metadata, backup;
  uint64_t history; /* of each file of history/ */
} ms_file_sizes;
int ms_card_size(const ms_config* config, ms_file_sizes* sizes);

/* ---- storage port ---- */

/* How memstore reaches a card. Names are relative to the memory's folder, with '/' ("memory_slots.bin",
 * "history/000000.bin"); the port makes missing folders when MS_CREATE is given. Functions return MS_OK or an
 * ms_error (MS_E_NO_CARD, MS_E_READ_ONLY, MS_E_CARD_FULL, MS_E_LOCKED, MS_E_NOT_FOUND, MS_E_IO). */
enum { MS_READ = 0, MS_WRITE = 1, MS_CREATE = 2 }; /* of open; 1 reads too, 2 makes it if missing */

typedef struct {
  void* context;
  int (*lock)(void* context);    /* exclusive, fails at once with MS_E_LOCKED; may be NULL */
  void (*unlock)(void* context); /* may be NULL */
  int (*open)(void* context, const char* name, int mode, int32_t* file); /* MS_E_NOT_FOUND if missing */
  int (*close)(void* context, int32_t file); /* an error: what was written last may not be there */
  int (*size)(void* context, int32_t file, uint64_t* bytes);
  /* Make the file exactly this long, its clusters allocated (contiguous where the card can). `zeroed`: the
   * new bytes are zeros, and are so on the card before a cut can show the new length; else they are
   * undefined. */
  int (*preallocate)(void* context, int32_t file, uint64_t bytes, int zeroed);
  /* Read or write `bytes` at `offset`; return the bytes done (fewer is a failure) or an ms_error. Writes are
   * whole sectors at multiples of MS_SECTOR, but for the last sector of a slots file whose size is no
   * multiple of it. */
  int32_t (*read)(void* context, int32_t file, uint64_t offset, void* data, uint32_t bytes);
  int32_t (*write)(void* context, int32_t file, uint64_t offset, const void* data, uint32_t bytes);
  /* Barrier: all writes so far, to all files, are on the card when it returns. MS_E_NO_CARD: the files that
   * are open are no longer those of the folder. After an error the sectors written since the last good
   * barrier hold anything, whatever a read says: memstore writes them again. */
  int (*sync)(void* context);
  uint32_t (*micros)(void* context); /* a free-running microsecond clock for the counters; may be NULL */
  /* Delete a file: only what ms_open has just made and cannot finish. May be NULL. */
  int (*remove)(void* context, const char* name);
  uint32_t (*random)(void* context); /* 32 bits that no other memory gets: its salt; may be NULL */
  /* The same for what was written to one file; NULL: `sync` is called instead. */
  int (*sync_file)(void* context, int32_t file);
} ms_port;

/* ---- opening ---- */

typedef struct ms_memory ms_memory;

enum { MS_OPEN_READ_ONLY = 1, MS_OPEN_NO_CREATE = 2 };

typedef enum {
  MS_STATE_CLEAN = 0,    /* both copies agreed */
  MS_STATE_CREATED = 1,  /* there was no memory on the card: an empty one was made */
  MS_STATE_OLD_KEPT = 2, /* the mirror was incomplete or damaged: repaired from the primary files */
  MS_STATE_NEW_KEPT = 3, /* the primary files were incomplete, damaged or older: repaired from the mirror */
  MS_STATE_MERGED = 4,   /* each copy held something that the other had lost */
} ms_state_kept;

typedef struct {
  uint32_t kept;              /* ms_state_kept: what open or verify found, and which copy it took */
  uint32_t primary_repaired;  /* sectors of memory_slots.bin and memory_index.bin rewritten */
  uint32_t mirror_repaired;   /* sectors of memory_backup.bin rewritten */
  uint32_t metadata_repaired; /* sectors of memory_metadata.json rewritten (ms_verify only) */
  uint32_t log_repaired;      /* sectors of history/ rewritten from its other lane */
  uint32_t from_history;      /* slots that both copies have lost: what the history knows of them */
  uint32_t history_gone;  /* 1: none was found: what was not flushed is gone too, and a new one has begun */
  uint32_t restore_cut;   /* 1: version 1 was cut while it restored a state: a part is as it was before */
  uint32_t state;         /* number of the newest state */
  uint32_t occupied;      /* slots in use */
  uint32_t lost;          /* slots in use whose both copies are damaged: they are empty now */
  int32_t lost_slots[16]; /* the first of them, -1 after the last */
  char lost_names[16][MS_NAME_BYTES]; /* their names where the record could be read, else "" */
  ms_config found;        /* K, D, dtype and hash in the card's header, also after MS_E_MODEL or MS_E_SHAPE */
  uint32_t found_version; /* of the card's header, also after MS_E_VERSION */
  uint32_t states_checked; /* of the history: those of the newest two blocks */
  uint32_t states_damaged; /* of these, those that both lanes have lost */
  uint32_t read_only;      /* 1: opened so, nothing was repaired */
  int32_t metadata_error;  /* why memory_metadata.json could not be read or written, MS_OK: it could */
} ms_report;

/* Open the memory of this port's folder in the caller's buffer (aligned for uint64_t); make it if there is
 * none and MS_OPEN_NO_CREATE is not given; repair what a cut or damage left, unless MS_OPEN_READ_ONLY. port
 * NULL: a memory in RAM alone, of `hot` slots, where nothing is saved. The port must outlive the memory;
 * report may be NULL. After an error the card is as it was, the lock is released, and there is nothing to
 * close. */
int ms_open(ms_memory** memory, void* buffer, size_t buffer_bytes, const ms_config* config,
            const ms_port* port, uint32_t flags, ms_report* report);

/* Read the header alone: K, D, dtype, hash. No lock, nothing is written. MS_E_NOT_FOUND: no memory there. */
int ms_probe(const ms_port* port, ms_config* found);

/* Write what is only in RAM (access counters, metadata); ms_close does it too, then releases lock and files.
 */
int ms_flush(ms_memory* memory);
int ms_close(ms_memory* memory);

/* Compare both copies of every sector and the metadata with each other, repair what differs, name what is
 * lost. */
int ms_verify(ms_memory* memory, ms_report* report);

/* A report as one line of English, cut to `bytes` with its NUL; returns the length written. */
size_t ms_report_text(const ms_report* report, char* text, size_t bytes);

/* Seconds since 1970 for the next episodes and states; 0: unknown. */
void ms_set_time(ms_memory* memory, uint32_t unix_seconds);

/* ---- teaching ---- */

/* One thing is one name. Its slots (prototypes, where its views differ too much for one) share uses, the last
 * access, importance and being kept. */
enum {
  MS_REPLACE = 1, /* overwrite the slot of the same picture (else the one of this name), whatever its name */
  MS_BOTH = 2,    /* the same picture under another name is another thing */
  MS_DECODES = 4, /* the decoder brings the name back from this episode */
  MS_KEEP = 8,    /* the thing is never evicted or pruned */
};

typedef enum {
  MS_ACTION_NEW = 0,      /* an empty slot was taken */
  MS_ACTION_MERGED = 1,   /* blended into the slot of the same name */
  MS_ACTION_REPLACED = 2, /* MS_REPLACE: a slot was overwritten */
  MS_ACTION_EVICTED = 3,  /* no empty slot: the thing with the lowest retention score went */
} ms_action;

typedef struct {
  uint32_t slot;
  uint32_t action; /* ms_action */
  uint32_t saved;  /* 0: in RAM alone (below min_importance, or no card): say `not saved` */
  float cosine;    /* to the slot that it was merged into or replaced, else to the nearest key, -1 if none */
  char previous[MS_NAME_BYTES]; /* name that was replaced or evicted, else "" */
  float alike_cosine;           /* to the most alike thing of another name that is there now, -1 if none */
  char alike[MS_NAME_BYTES];    /* its name, else "" */
} ms_teach_result;

/* Write one episode: episode float[D], key float[D] (unit length), a name of 1 to 63 bytes of UTF-8,
 * importance >= 0. Durable on MS_OK: one barrier, up to 4 sectors (D > 128: 8). result may
 * be NULL.
 *
 * The name is there already: the key becomes the running mean of the views, in the most alike slot of that
 * name; the episode stays if it decodes. Where even that slot is less alike than merge_threshold, the thing
 * gets another slot, up to `prototypes`. MS_E_OTHER_NAME: result has the slot, its name in `previous` and
 * the cosine. MS_E_MEMORY_FULL: everything that could go is kept, or saved and this is not to be. */
int ms_teach(ms_memory* memory, const char* name, const float* episode, const float* key, float importance,
             uint32_t flags, ms_teach_result* result);

int ms_forget(ms_memory* memory, const char* name,
              uint32_t* forgotten); /* every slot of that name, one write each */
int ms_forget_slot(ms_memory* memory, uint32_t slot);

/* Another name for a thing, in all its slots, one write each: the name and its episode float[D], which
 * decodes if flags say MS_DECODES; key, importance, uses and views stay. */
int ms_rename_thing(ms_memory* memory, const char* name, const char* new_name, const float* episode,
                    uint32_t flags);

/* Add `step` to the importance of this slot's thing, one write for each of its slots; it stays between 0.05
 * and 1. */
int ms_confirm(ms_memory* memory, uint32_t slot, float step);

/* Forget every thing whose importance * unlikeness is less than `below` and that is not kept, in the order of
 * slots; unlikeness = 1 - max(0, highest cosine with a key of another thing). `pruned`: how many slots. */
int ms_prune(ms_memory* memory, float below, uint32_t* pruned);

/* ---- recalling ---- */

/* Cosine of two int8 vectors: (float)dot / sqrtf((float)aa * (float)bb) of exact sums, 0 for a zero vector;
 * the same bits everywhere. n <= MS_MAX_DIM. */
float ms_cosine(const int8_t* a, const int8_t* b, uint32_t n);

typedef struct {
  int32_t slot;         /* of the highest cosine, the lowest of equal ones; -1: the memory is empty */
  float cosine;         /* with that slot's key */
  float others;         /* mean of the cosines with the slots of other names, added in the order of slots */
  uint32_t other_slots; /* how many these are; 0: `others` is 0 */
} ms_nearest_slot;

/* The best slot for a query int8[D] and how the others compare. Reads RAM only. */
int ms_nearest(const ms_memory* memory, const int8_t* query, ms_nearest_slot* nearest);

#define MS_FEATURES 8u /* of a judgement */
#define MS_MAX_TOP 64u /* highest cosines with the cohort that count */

/* with_a[i] = a . row i, with_b[i] = b . row i of rows[count * dim], exact. */
typedef void ms_dots(const int8_t* a, const int8_t* b, const int8_t* rows, uint32_t count, uint32_t dim,
                     int32_t* with_a, int32_t* with_b);

/* When a device says that it does not know: a model's refusal.json and cohort.bin. With top, spread and all
 * of a key: mean and standard deviation of its `top` highest cosines with the cohort, mean of all of them. */
typedef struct {
  const int8_t* cohort; /* [rows * D] */
  uint32_t rows, top;   /* top: 1..MS_MAX_TOP */
  float weights[8];     /* best; top, spread, all of the query; of the best slot's key; others */
  float bias;
  float others_alone; /* stands for `others` where there are none */
  float known, perhaps;
  const int32_t* squares; /* [rows]: row . row; NULL: added up at every judgement */
  ms_dots* dots;          /* a processor's own; NULL: in plain C */
} ms_refusal;

typedef enum { MS_UNKNOWN = 0, MS_PERHAPS = 1, MS_KNOWN = 2 } ms_verdict;

/* *value = bias + weights . features; an ms_verdict by the two thresholds, or an ms_error. An empty memory is
 * MS_UNKNOWN. 2 * rows * D multiply-adds. */
int ms_judge(const ms_memory* memory, const int8_t* query, const ms_nearest_slot* nearest,
             const ms_refusal* refusal, float* value);

/* The content of a slot as float[D], from the hot cache or the card; counts as an access to its thing.
 * MS_E_NOT_FOUND: empty. MS_E_DAMAGED: both copies are. */
int ms_read_slot(ms_memory* memory, uint32_t slot, float* values);

/* float[D] as a slot would hold it: through its type and back, in place. */
int ms_as_stored(const ms_memory* memory, float* values);

/* The k best slots for a query int8[D], best first, equal ones by lower slot, and their contents. A slot's
 * score: (float)(query . key) * (scale * its key's scale). scores[k], values[k * D], mask[k] (1 = filled;
 * else zeros), slots[k] (-1 = none). Returns MS_OK, or the error of the slots it had to leave out. */
int ms_recall(ms_memory* memory, const int8_t* query, float scale, uint32_t k, float* scores, float* values,
              int32_t* mask, int32_t* slots);

typedef struct {
  char name[MS_NAME_BYTES]; /* "" = empty slot */
  uint32_t occupied, saved, hot;
  uint32_t
      lost; /* both copies were damaged: free, the name that could still be read is kept until it is used */
  uint32_t uses;          /* reads */
  uint32_t writes;        /* how often it was taught */
  uint32_t time;          /* unix seconds of the last teach, 0 unknown */
  uint32_t views;         /* n: merged into its key, at most 65535 */
  uint32_t decodes, kept; /* MS_DECODES, MS_KEEP */
  float importance;
  float retention; /* the eviction score: importance * (1 + floor(log2(1 + uses))) / (1 + age) */
  float key_scale;
  uint64_t sequence; /* of the record's last change */
  uint64_t taught;   /* sequence of the last teach */
  uint64_t last_access;
  const int8_t* key; /* int8[D], valid until the memory changes */
} ms_info;
int ms_slot_info(const ms_memory* memory, uint32_t slot, ms_info* info);

/* The lowest slot >= from of that name, or MS_E_NOT_FOUND. */
int32_t ms_find(const ms_memory* memory, const char* name, uint32_t from);

#define MS_MOST_EDITS \
  34u /* percent of the longer text's characters: beyond it two names have little in common */

/* The lowest slot of that name; else the slot whose name needs the fewest edits for its length (Levenshtein's
 * distance in characters, capitals of Latin, Greek and Cyrillic counting as small letters; at most
 * MS_MOST_EDITS; of equals the lowest); or MS_E_NOT_FOUND. */
int32_t ms_find_similar(const ms_memory* memory, const char* text);

/* MS_OK or which rule of names this one breaks. */
int ms_check_name(const char* name);

typedef struct {
  uint64_t hits, misses;                  /* of the hot cache */
  uint64_t sectors_read, sectors_written; /* of the slots, index and backup files */
  uint64_t metadata_written, log_written; /* sectors of memory_metadata.json and of history/ */
  uint64_t states_dropped;                /* of the history, to make room */
  uint64_t barriers;
  uint64_t bytes_read, bytes_written; /* all files */
  uint64_t micros_read, micros_write; /* time inside the port; write includes sync */
  uint64_t corrected;                 /* slot reads that the mirror had to answer */
  uint64_t clock;                     /* the memory's logical clock: writes and reads so far */
  uint32_t occupied, unsaved;
} ms_stats;
void ms_get_stats(const ms_memory* memory, ms_stats* stats);
void ms_reset_stats(ms_memory* memory);

/* ---- history: every write is a state ---- */

/* What a write did. */
typedef enum {
  MS_WRITE_NONE = 0, /* state 0, or the oldest one that is kept: what did it is not known */
  MS_WRITE_NEW = 1,  /* taught: as ms_action, plus 1 */
  MS_WRITE_MERGED = 2,
  MS_WRITE_REPLACED = 3,
  MS_WRITE_EVICTED = 4,
  MS_WRITE_FORGOTTEN = 5,
  MS_WRITE_RENAMED = 6,
  MS_WRITE_UNDONE = 7,   /* ms_undo */
  MS_WRITE_RESTORED = 8, /* ms_restore */
  MS_WRITE_REVISED = 9,  /* its importance */
  MS_WRITE_FOUND = 10,   /* both lanes had lost a write that a copy still had */
} ms_write;

/* Numbers rise by 1 with every write; an undo or a restore that changes n slots takes n numbers, of which the
 * last one is a state. */
typedef struct {
  uint32_t number;
  uint32_t time; /* of the write in unix seconds; 0: unknown, as it is where no one was taught or forgotten */
  uint64_t clock;           /* the memory's clock then */
  uint32_t action;          /* ms_write */
  uint32_t slot;            /* that was written, for an undo or a restore the last of them */
  char name[MS_NAME_BYTES]; /* of what was taught or forgotten, the new one of what was renamed */
} ms_state;

/* The oldest and the newest state that can be gone back to. */
int ms_history_range(ms_memory* memory, uint32_t* oldest, uint32_t* newest);
/* The last state at or before this number, and what its write did. MS_E_NOT_FOUND: there is none. */
int ms_history_info(ms_memory* memory, uint32_t number, ms_state* state);
/* The last state that is known to have been written at or before this time, though the clock may have been
 * unknown or set back in between; a few headers and two blocks are read. MS_E_NOT_FOUND if there is none. */
int ms_history_find(ms_memory* memory, uint32_t unix_seconds, uint32_t* number);
/* Make state `number` the memory's content: all of it or none, whatever cuts in. It is a write, and so a
 * state of its own. A keyframe and at most 255 entries are read (with more than 128 slots: two less than
 * twice that). */
int ms_restore(ms_memory* memory, uint32_t number);
/* Take back the last `writes` writes (undo and restore are writes too); `number`: the state that is there
 * again.
 */
int ms_undo(ms_memory* memory, uint32_t writes, uint32_t* number);

/* What differs between two states, slot by slot: 1 it differs, 0 it does not. The names are "" where a slot
 * was empty. ms_diff first, then ms_diff_slot for every slot, with nothing else in between. */
int ms_diff(ms_memory* memory, uint32_t number, uint32_t other);
int ms_diff_slot(ms_memory* memory, uint32_t slot, char name[MS_NAME_BYTES], char other[MS_NAME_BYTES]);

/* How many states fit into `bytes` of card, keyframes, both lanes and margins included. */
uint64_t ms_history_capacity(const ms_config* config, uint64_t bytes);

#ifdef __cplusplus
}
#endif

#endif
