/* What a memory promises, and whether a card keeps it: no line here knows where on the card a byte lies. */
#ifndef BITMAR_PROMISE_H
#define BITMAR_PROMISE_H

#include "sim_card.h"

#define LAB_SLOTS 512u
#define LAB_STATES 96u

/* What is saved of a memory, counters aside: one digest per slot, 0 for an empty one, 1: it cannot be read.
 */
typedef struct {
  uint64_t slot[LAB_SLOTS];
} lab_state;

typedef struct {
  const lab_state* may[4]; /* the memory is one of these */
  uint32_t count;
  int between;             /* or, slots in their order, partly may[0] and from there on may[1] */
  uint64_t clock;          /* no less than this: it never restarts */
  const lab_state* states; /* of the history, those that are known */
  const uint32_t* numbers; /* and theirs */
  uint32_t known;          /* so many of them are there for certain */
  uint32_t number[2];      /* of may[0] and of the last may[] */
  int states_may_break;    /* damage that they have no copy against: then they say so */
  int may_lose;            /* damage beyond what two copies survive: a slot may be gone, and is said to be */
  int is_lost;             /* what could be lost is lost already: exactly may[0], whatever is said of it */
  int zeros;               /* the damage is zeros: what they took is as if it had never been */
  int may_refuse;          /* and so much of it that it may not be a memory any more */
  int says;                /* it tells which of may[0] (old) and may[1] (new) it found */
} lab_promise;

typedef struct {
  const ms_config* config;
  ms_memory* memory; /* of the last check */
  uint8_t* buffer;
  size_t buffer_bytes;
} lab_probe;

void lab_read_state(ms_memory* m, const ms_config* config, lab_state* state);
int lab_same(const ms_config* config, const lab_state* a, const lab_state* b);

/* Open the card, compare, list the history, write the next thing, open it again. `thorough`: restore a state
 * too. NULL, or what is wrong. */
const char* lab_check(lab_probe* p, sim_card* card, const ms_port* port, const lab_promise* promise,
                      uint32_t thorough);

#endif
