/* Every way in which a card can be left by what was written to it. */
#ifndef BITMAR_CRASH_H
#define BITMAR_CRASH_H

#include "sim_card.h"

/* kind 'c': cut after `a` log entries.
 *      't': cut inside entry `a` at byte `b`; c: 0 the bytes before it are new, 1 those behind it, 2 those
 * before it are new and the rest is 0xff, 3 and the rest is garbage.
 *      'd': epoch `a` (the entries between two barriers) is being written: those of mask `b` are on the card,
 * in either order; with c > 0 the last of them is torn at byte c; CRASH_LATE: the cut is not at the last of
 * them but at the end of the epoch. With bit 31 set, b seeds a random subset.
 * CRASH_ALL_TORN + seed: all of them are torn somewhere. 'g': file `a` is `b` bytes long, 0: gone.
 *      'r': cut in entry `a`: everything in its 64 KB-aligned region of the disk is zeros, ones or garbage
 * (b). 'u': cut in entry `a`: the same of a unit of 4 MB whose border is at sector `b`; c: the filling. 'f':
 * everything is written, then the bits `b` and, if c > 0, `c` - 1 of the disk are flipped. 'x': cut after `a`
 * entries, and bit `b` flipped.
 *      '-': everything is written. */
typedef struct {
  char kind;
  uint32_t a;
  uint64_t b, c;
} crash;

#define CRASH_LATE 600u
#define CRASH_ALL_TORN 700u

/* base, plus what this crash leaves of the log, into work. 0: there is no such crash in this log. */
int crash_apply(sim_card* card, const sim_log* log, crash how);
/* How many entries had been handed to the card when the power went: what was acknowledged before is promised.
 */
uint32_t crash_time(const sim_log* log, crash how);

uint32_t crash_epochs(const sim_log* log);
/* first entry and number of entries of an epoch */
uint32_t crash_epoch(const sim_log* log, uint32_t epoch, uint32_t* first);

#endif
