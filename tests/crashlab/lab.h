/* The laboratory: a living memory on a simulated card, one word after the other, and each word again with
 * something going wrong. */
#ifndef BITMAR_LAB_H
#define BITMAR_LAB_H

#include "crash.h"
#include "promise.h"
#include "words.h"

typedef struct {
  const char* name;
  uint32_t slots, dim, hot, dtype;
} lab_shape;
extern const lab_shape lab_shapes[];
/* "odd", or "odd@4": with blocks of 4 entries instead of 16. */
const lab_shape* lab_find_shape(const char* name);

typedef struct {
  ms_config config;
  sim_card card, second; /* the second one: for a cut during the repair of a cut */
  ms_port port, second_port;
  word_target live;
  lab_probe probe;
  uint8_t* saved[2]; /* the live memory's RAM before and after the word */
  uint32_t made;     /* it exists */
  /* of the word */
  word word;
  uint64_t random;
  word_result result;
  int status;
  uint32_t open_entries; /* of its log: what was unsynced before it began */
  sim_log log;
  uint32_t calls, syncs, writes;
  lab_state before, after;
  uint64_t clock_before, clock_after;
  lab_state states[LAB_STATES]; /* of the history, after each word that wrote */
  uint32_t numbers[LAB_STATES];
  uint32_t states_before, states_after;
  int last_barrier_missing; /* a store that is broken on purpose: each word without its last barrier */
} lab;

void lab_start(lab* l, const lab_shape* shape, uint64_t seed);
void lab_end(lab* l);

/* Do a word; its log, its states and both RAM images are in the lab then. NULL, or what is wrong without any
 * fault. */
const char* lab_word(lab* l, word w, uint64_t random);
/* Back to before the word, the card too. */
void lab_undo_word(lab* l);
/* What the card and the RAM are after the word, for the next one. */
void lab_accept_word(lab* l);

/* The word again, with a fault, and then the next one without. */
typedef struct {
  int status, next_status;
  int is_open; /* there is a memory in RAM after it */
  lab_state ram, next;
  uint32_t done, end; /* entries of the log after the word, and after the next one */
  sim_log log;
} lab_faulty;
void lab_word_with(lab* l, const sim_fault* fault, int lasts, lab_faulty* outcome);

/* One point to go back to: for trees of words. */
typedef struct lab_point lab_point;
lab_point* lab_keep(const lab* l);
void lab_return(lab* l, const lab_point* point);
void lab_drop(lab_point* point);

#endif
