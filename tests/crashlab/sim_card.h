/* A simulated card: one flat disk with a few files in fixed places, a log of what was written, and every way
 * to fail.
 *
 * The log of one operation, with its barriers, is what a cut is made from: see crash.h. */
#ifndef BITMAR_SIM_CARD_H
#define BITMAR_SIM_CARD_H

#include "memstore.h"

#define SIM_FILES 8
#define SIM_REGION 65536u

typedef struct {
  const char* name;
  uint64_t start, capacity; /* on the disk, multiples of 512 */
} sim_place;

typedef enum { LOG_WRITE, LOG_SIZE, LOG_SYNC } sim_entry_kind;

typedef struct {
  sim_entry_kind kind;
  int file;
  uint64_t at; /* LOG_WRITE: position on the disk; LOG_SIZE: the new size + 1, 0 = removed */
  uint32_t bytes;
  uint8_t data[MS_SECTOR];
} sim_entry;

typedef struct {
  uint8_t* disk;
  uint64_t size[SIM_FILES]; /* of a file + 1; 0: it does not exist */
} sim_image;

typedef struct {
  sim_place place[SIM_FILES];
  uint32_t files;
  uint64_t disk_bytes;
  sim_image base, work; /* before the operation; as the program sees it */
  uint32_t* dirty;      /* sectors in which work differs from base */
  uint8_t* is_dirty;
  uint32_t dirty_count;
  int logging;
  sim_entry* log;
  uint32_t log_count, log_room;
  /* failures: from call `fail_at` on (1 = the next), one call or all; 0: none */
  uint32_t calls, fail_at;
  int fail_code; /* an ms_error, or 1: half of the bytes */
  int fail_sticky;
  int drop_mirror_writes; /* a broken variant */
  int open_handles;
  uint64_t random; /* the salts of its memories */
} sim_card;

/* Place the files of this memory on a disk full of garbage, one behind the other in the order `layout`
 * (0..3), starting at sector `first`. */
void sim_init(sim_card* card, const ms_config* config, uint32_t layout, uint32_t first, uint64_t seed);
void sim_free(sim_card* card);
ms_port sim_port(sim_card* card);

void sim_reset(sim_card* card);  /* work = base, the log empty, no failures */
void sim_accept(sim_card* card); /* base = work */
void sim_poke(sim_card* card, uint64_t at, const void* data, uint32_t bytes); /* write to work, unlogged */

/* splitmix64 */
uint64_t sim_random(uint64_t* state);

#endif
