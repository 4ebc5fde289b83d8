/* The classes of what can go wrong, each run over one word. */
#ifndef BITMAR_CLASSES_H
#define BITMAR_CLASSES_H

#include "lab.h"

typedef enum {
  C_CUT,
  C_TEAR,
  C_REORDER,
  C_REGION,
  C_UNIT,
  C_FLIP,
  C_GONE,
  C_LIVE,
  C_BOTH,
  C_FLIP_CUT,
  C_CALL,
  C_BARRIER,
  C_READ,
  C_SECTOR,
  C_LOST,
  C_ASTRAY,
  C_SECOND,
  CLASSES
} lab_class;

extern const char* const class_names[CLASSES];

typedef struct {
  lab l;
  char path[96]; /* SHAPE/SEED/STEP, or SHAPE/SEED/WORD.WORD.WORD */
  uint64_t seed;
  uint32_t step;
  uint32_t sample, twice;                /* every so many of the torn sectors, of the second cuts */
  int cuts_only;                         /* not the slow classes */
  int stop;                              /* at the first violation */
  const char *only, *dump;               /* the one scenario to run; the folder that its card is written to */
  uint64_t *seen, seen_room, seen_count; /* hashes of the cards that were tried: each once */
  uint64_t scenarios[CLASSES], violations[CLASSES], first_cuts;
} lab_run;

void run_report(lab_run* r, lab_class c, const char* id, const char* wrong);
/* Everything, over the word that the lab has just done. */
void run_classes(lab_run* r);

#endif
