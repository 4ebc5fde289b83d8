/* Every way in which a card can be left by the writes of one operation. */
#ifndef BITMAR_CRASH_H
#define BITMAR_CRASH_H

#include "sim_card.h"

/* kind 'c': cut after `a` log entries.
 *      't': cut inside entry `a` at byte `b`; c: 0 the bytes before it are new, 1 those behind it, 2 those
 * before it are new and the rest is 0xff, 3 and the rest is garbage. 'd': epoch `a` (the entries between two
 * barriers) is being written: those of mask `b` are on the card, in either order; with c > 0 the last of them
 * is torn at byte c. With bit 31 set, b seeds a random subset. 'r': cut in entry `a`: everything in its 64
 * KB-aligned region of the disk is zeros, ones or garbage (b). 'f': everything is written, then bit `b` of
 * file `a` is flipped, and bit `c - 1` too if c > 0.
 *      '-': everything is written. */
typedef struct {
  char kind;
  uint32_t a, b, c;
} crash;

/* base, plus what this crash leaves of the log, into work. 0: there is no such crash in this log. */
int crash_apply(sim_card* card, const sim_entry* log, uint32_t entries, crash how);

uint32_t crash_epochs(const sim_entry* log, uint32_t entries);
/* first entry and number of entries of an epoch */
uint32_t crash_epoch(const sim_entry* log, uint32_t entries, uint32_t epoch, uint32_t* first);

#endif
