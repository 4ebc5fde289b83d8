/* The words of a memory: what a person or a program does to it, seeded. */
#ifndef BITMAR_WORDS_H
#define BITMAR_WORDS_H

#include "sim_card.h"

typedef enum {
  W_TEACH,   /* something new */
  W_SAME,    /* the same thing again: a merge */
  W_REPLACE, /* what looks alike gets another name and content */
  W_FORGET,
  W_RENAME,
  W_PRUNE,
  W_UNDO, /* the last one to three writes */
  W_RESTORE,
  W_REOPEN, /* close and open */
  W_EXHAUSTIVE,
  W_CONFIRM = W_EXHAUSTIVE, /* an answer was right or wrong */
  W_UNSAVED,                /* too unimportant to be saved: in RAM alone */
  W_READ,                   /* a few reads, then flush */
  W_LOOK,                   /* into the history: two states compared, one found by its time */
  W_VERIFY,
  W_CREATE,
  WORDS
} word;

extern const char* const word_names[WORDS];

typedef struct {
  ms_memory* memory;
  uint8_t* buffer;
  size_t buffer_bytes;
  const ms_config* config;
  const ms_port* port;
  const uint32_t* numbers; /* of the states that are known */
  uint32_t states;         /* how many */
} word_target;

typedef struct {
  int wrong;         /* it said that it was done and the slot does not hold what was taught */
  int one_write;     /* no more than one slot changes */
  uint32_t restored; /* W_RESTORE: which of the known states */
} word_result;

/* Do it; the same `random`, memory and card give the same writes. MS_OK or an ms_error. */
int word_do(word_target* t, word w, uint64_t random, word_result* result);

/* An episode of numbers that a half holds exactly, and a key of unit length. */
void word_episode(uint64_t* random, uint32_t dim, float* episode, float* key);

#endif
