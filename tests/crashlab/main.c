/* crashlab SHAPE SEED STEPS [options]: a life of so many words, each gone wrong in every way; one line of
 * JSON.
 *   --words N    instead: every sequence of up to N words, cut everywhere (STEPS: words taught before them)
 *   --part I OF  of these sequences, only every OF-th first word
 *   --sample N   of the torn sectors, flips and faults only every N-th (seeded); 1 = all
 *   --twice N    second cuts for every N-th first one (0: none)
 *   --skip-making   do not crash step 0, which makes the memory (hundreds of writes for a large one)
 *   --no-barrier, --no-last-barrier, --no-mirror   a card or a store that is broken on purpose
 *   --cuts-only  not the slow classes
 *   --stop       at the first violation
 *   --only ID    only this scenario;   --dump FOLDER   and write the card that it leaves */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "classes.h"

static uint64_t violations(const lab_run* r) {
  uint64_t n = 0;
  for (int c = 0; c < CLASSES; c++) n += r->violations[c];
  return n;
}

static int do_word(lab_run* r, word w, uint64_t random) {
  const char* wrong = lab_word(&r->l, w, random);
  if (wrong) run_report(r, C_CUT, r->path, wrong);
  return wrong == NULL;
}

/* A life: the first words teach, then anything. */
static void random_life(lab_run* r, const char* shape, uint32_t steps, int skip_making) {
  static const uint8_t odds[] = {W_TEACH,   W_TEACH,   W_TEACH,  W_TEACH,   W_TEACH,   W_SAME,    W_SAME,
                                 W_REPLACE, W_FORGET,  W_FORGET, W_RENAME,  W_RENAME,  W_READ,    W_READ,
                                 W_VERIFY,  W_REOPEN,  W_PRUNE,  W_UNSAVED, W_UNSAVED, W_RESTORE, W_TEACH,
                                 W_UNDO,    W_RESTORE, W_TEACH,  W_CONFIRM, W_LOOK};
  lab* l = &r->l;
  for (r->step = 0; r->step < steps; r->step++) {
    uint64_t seed = r->seed * 0x2545f4914f6cdd1du + r->step;
    uint64_t random = sim_random(&seed);
    word w = r->step == 0 ? W_CREATE : r->step <= 2 ? W_TEACH : (word)odds[sim_random(&seed) % sizeof odds];
    snprintf(r->path, sizeof r->path, "%s/%llu/%u", shape, (unsigned long long)r->seed, r->step);
    if (!do_word(r, w, random)) return;
    if (r->step || !skip_making) run_classes(r);
    if (r->stop && violations(r)) return;
    lab_accept_word(l);
    if (!r->step) sim_reserve(&l->card, "memory_spare.bin", 200000);
  }
}

static void all_sequences(lab_run* r, const char* prefix, uint32_t left, uint32_t part, uint32_t of) {
  lab_point* here = lab_keep(&r->l);
  for (uint32_t w = 0; left && w < W_EXHAUSTIVE; w++) {
    if (of && w % of != part) continue;
    lab_return(&r->l, here);
    snprintf(r->path, sizeof r->path, "%s%c%s", prefix, strchr(prefix, '.') ? '.' : '.', word_names[w]);
    for (char* p = r->path; *p; p++)
      if (*p == ' ') *p = '-';
    char path[96];
    strcpy(path, r->path);
    r->step++;
    if (r->only && strncmp(r->only, path, strlen(path))) continue;
    if (!do_word(r, (word)w, r->seed * 77 + left)) continue;
    run_classes(r);
    if (r->stop && violations(r)) break;
    lab_accept_word(&r->l);
    all_sequences(r, path, left - 1, 0, 0);
  }
  lab_drop(here);
}

static void prepared(lab_run* r, const char* shape, uint32_t words, uint32_t taught, uint32_t part,
                     uint32_t of) {
  char prefix[96];
  snprintf(prefix, sizeof prefix, "%s/%llu/", shape, (unsigned long long)r->seed);
  for (uint32_t i = 0; i <= taught; i++) {
    snprintf(r->path, sizeof r->path, "%s", prefix);
    if (!do_word(r, i ? W_TEACH : W_CREATE, r->seed * 31 + i)) return;
    lab_accept_word(&r->l);
    if (!i) sim_reserve(&r->l.card, "memory_spare.bin", 200000);
  }
  all_sequences(r, prefix, words, part, of);
}

static void print_counts(const lab_run* r, const char* shape, uint32_t steps) {
  printf("{\"shape\": \"%s\", \"seed\": %llu, \"steps\": %u, \"classes\": {", shape,
         (unsigned long long)r->seed, steps);
  for (int c = 0; c < CLASSES; c++)
    printf("%s\"%s\": [%llu, %llu]", c ? ", " : "", class_names[c], (unsigned long long)r->scenarios[c],
           (unsigned long long)r->violations[c]);
  printf("}}\n");
}

int main(int argc, char** argv) {
  static lab_run r;
  uint32_t words = 0, part = 0, of = 0;
  int skip_making = 0, no_barrier = 0, no_last = 0, no_mirror = 0;
  if (argc < 4) return fprintf(stderr, "crashlab SHAPE SEED STEPS [options]\n"), 2;
  r.sample = 1;
  r.twice = 8;
  for (int i = 4; i < argc; i++) {
    const char* o = argv[i];
    int rest = argc - 1 - i;
    if (!strcmp(o, "--no-barrier"))
      no_barrier = 1;
    else if (!strcmp(o, "--no-last-barrier"))
      no_last = 1;
    else if (!strcmp(o, "--no-mirror"))
      no_mirror = 1;
    else if (!strcmp(o, "--skip-making"))
      skip_making = 1;
    else if (!strcmp(o, "--cuts-only"))
      r.cuts_only = 1;
    else if (!strcmp(o, "--stop"))
      r.stop = 1;
    else if (!strcmp(o, "--words") && rest)
      words = (uint32_t)atoi(argv[++i]);
    else if (!strcmp(o, "--sample") && rest)
      r.sample = (uint32_t)atoi(argv[++i]);
    else if (!strcmp(o, "--twice") && rest)
      r.twice = (uint32_t)atoi(argv[++i]);
    else if (!strcmp(o, "--only") && rest)
      r.only = argv[++i];
    else if (!strcmp(o, "--dump") && rest)
      r.dump = argv[++i];
    else if (!strcmp(o, "--part") && rest > 1)
      part = (uint32_t)atoi(argv[i + 1]), of = (uint32_t)atoi(argv[i + 2]), i += 2;
    else
      return fprintf(stderr, "unknown option %s\n", o), 2;
  }
  const lab_shape* shape = lab_find_shape(argv[1]);
  if (!shape || !r.sample) return fprintf(stderr, "unknown shape %s\n", argv[1]), 2;
  r.seed = strtoull(argv[2], NULL, 10);
  uint32_t steps = (uint32_t)atoi(argv[3]);
  lab_start(&r.l, shape, r.seed);
  r.l.last_barrier_missing = no_last;
  r.l.card.ignore_barriers = r.l.second.ignore_barriers = no_barrier;
  r.l.card.lose_mirror = r.l.second.lose_mirror = no_mirror;
  if (words)
    prepared(&r, argv[1], words, steps, part, of);
  else
    random_life(&r, argv[1], steps, skip_making);
  print_counts(&r, argv[1], words ? r.step : steps);
  free(r.seen);
  lab_end(&r.l);
  return violations(&r) ? 1 : 0;
}
