/* The laboratory: a scripted, seeded workload on a simulated card, and what must hold after every crash. */
#ifndef BITMAR_LAB_H
#define BITMAR_LAB_H

#include "crash.h"

#define LAB_SLOTS 512u

typedef struct {
  const char* name;
  uint32_t slots, dim, hot, dtype;
} lab_shape;
extern const lab_shape lab_shapes[];

/* What a memory holds, counters aside: one digest per slot, 0 for an empty one. */
typedef struct {
  uint64_t slot[LAB_SLOTS];
} lab_state;

typedef struct {
  ms_config config;
  sim_card card, second; /* the second one: for a cut during the repair of a cut */
  ms_port port, second_port;
  ms_memory *live, *probe;
  uint8_t *live_buffer, *probe_buffer, *saved[2]; /* the live memory's RAM before and after the step */
  size_t buffer_bytes;
  uint64_t random;
  uint32_t taught;
  uint32_t history; /* states taken so far */
  sim_entry* log;   /* of the step */
  uint32_t log_count, calls;
  lab_state before, after;
  char what[96]; /* the step in words */
} lab;

void lab_start(lab* l, const lab_shape* shape, uint64_t seed);
void lab_end(lab* l);

/* Run step `number` of the workload; its log, its states and both RAM images are in the lab then. 0: MS_OK.
 */
int lab_step(lab* l, uint32_t number);
/* The same step again from the same RAM and card, with call `at` failing. Returns the step's result. */
int lab_repeat(lab* l, uint32_t number, uint32_t at, int code, int sticky);
void lab_finish_step(lab* l); /* the card and the RAM after the step, for the next one */

void lab_read_state(ms_memory* m, const ms_config* config, lab_state* state);
int lab_same(const lab* l, const lab_state* a, const lab_state* b);
/* An episode of numbers that a half holds exactly, and a key of unit length. */
void lab_episode(uint64_t* random, uint32_t dim, float* episode, float* key);

/* Open the card after a crash: old or new, said so, and the next write works. NULL, or what is wrong. */
typedef enum { AFTER_CUT, AFTER_REGION, AFTER_FLIP, AFTER_ERROR } lab_kind;
const char* lab_check(lab* l, sim_card* card, const ms_port* port, lab_kind kind, int must_be_new);

#endif
