/* A simulated card: one flat disk on which files get their places as they are made, a log of what was
 * written, and every way to fail.
 *
 * `base` is what is on the card for certain: everything up to the last good barrier. What was written after
 * it is in the log, and in `work`, which is what the program sees. A power cut leaves base and any part of
 * the log: see crash.h. The log goes on from one word to the next: only a barrier makes anything certain. */
#ifndef BITMAR_SIM_CARD_H
#define BITMAR_SIM_CARD_H

#include "memstore.h"

#define SIM_FILES 48
#define SIM_REGION 65536u

typedef struct {
  char name[40];
  uint64_t start, capacity; /* on the disk, multiples of 512 */
} sim_place;

typedef enum { LOG_WRITE, LOG_SIZE, LOG_SYNC } sim_entry_kind;

typedef struct {
  sim_entry_kind kind;
  int file;
  uint64_t at; /* LOG_WRITE: position on the disk; LOG_SIZE: the new size + 1, 0 = removed */
  uint32_t bytes;
  uint8_t dropped; /* a barrier failed and the system forgot to write it: it never reaches the card */
  uint8_t data[MS_SECTOR];
} sim_entry;

typedef struct {
  sim_entry* entry;
  uint32_t count, room;
} sim_log;

typedef struct {
  uint8_t* disk;
  uint64_t size[SIM_FILES]; /* of a file + 1; 0: it does not exist */
} sim_image;

/* What goes wrong from now on; all zeros: nothing. */
typedef struct {
  /* call number `call` (1 = the next), and with `sticky` all that follow: an ms_error, or 1: half the bytes
   */
  uint32_t call;
  int code, sticky;
  enum { ALL_CALLS, READS_ONLY, WRITES_ONLY } only; /* the others work */
  /* barriers sync, sync + 1, ... of `syncs` fail; of what was written since the last good one, a part that
   * `drop` chooses (0: all) never reaches the card, and `revert`: reads show that at once */
  uint32_t sync, syncs, drop;
  int revert;
  /* reads that touch this sector fail, so many times; `deaf`: writes to it fail too, else one heals it */
  uint64_t bad_at;
  uint32_t bad_reads;
  int deaf;
  /* this bit of the disk, plus 1, is flipped before anything is done */
  uint64_t flip;
  /* write number `write` is called done and lost, or written to the disk at `astray` - 1 instead */
  uint32_t write;
  uint64_t astray;
} sim_fault;

typedef struct {
  sim_place place[SIM_FILES]; /* a file that is removed and made again gets the same sectors */
  uint32_t files;
  uint64_t low, high; /* the free middle of the disk */
  uint64_t disk_bytes;
  uint32_t
      layout; /* bit 0: files from the end of the disk, bit 1: from both ends; then: sectors between them */
  sim_image base, work;
  uint32_t* dirty; /* sectors in which work differs from base */
  uint8_t* is_dirty;
  uint32_t dirty_count;
  int logging;
  sim_log log, tail; /* tail: what earlier words left unsynced */
  sim_fault fault;
  uint32_t calls, syncs, writes;
  uint64_t* reads; /* sectors that were read, while `noting` */
  uint32_t read_count, read_room;
  int noting;
  int ignore_barriers, lose_mirror; /* a card and a store that are broken on purpose */
  uint64_t random;                  /* the salts of its memories */
} sim_card;

/* A disk full of garbage: what was deleted before. */
void sim_init(sim_card* card, uint64_t disk_bytes, uint32_t layout, uint32_t first, uint64_t seed);
void sim_free(sim_card* card);
ms_port sim_port(sim_card* card);

void sim_rewind(sim_card* card); /* work = base, the log empty, no faults */
void sim_begin(sim_card* card);  /* the same, and what earlier words left unsynced in the log again */
/* base = base and the log up to its last barrier; the rest stays open. `twin` has the same base, and after.
 */
void sim_accept(sim_card* card, const sim_log* log, sim_card* twin);
void sim_copy_log(sim_log* to, const sim_log* from);
/* A name gets its place now, so that it does not depend on which scenarios are run. */
void sim_reserve(sim_card* card, const char* name, uint64_t bytes);
void sim_poke(sim_card* card, uint64_t at, const void* data, uint32_t bytes); /* write to work, unlogged */
/* Damage that is on the disk for certain: in the log, before anything else. */
void sim_flip(sim_card* card, uint64_t bit);
void sim_apply(sim_card* card, const sim_entry* entry); /* to work, unlogged */
/* The twin's base = the card's work; and back to the card's base. */
void sim_fork(sim_card* twin, const sim_card* card);
void sim_join(sim_card* twin, const sim_card* card);

/* splitmix64 */
uint64_t sim_random(uint64_t* state);
void* sim_need(void* memory);

#endif
