/* crashlab SHAPE SEED STEPS [options]: run the workload, crash it in every way, print one line of JSON.
 *   --sample N   of the torn sectors, flips and second cuts only every N-th (seeded); 1 = all
 *   --twice N    second cuts for every N-th first one (0: none)
 *   --skip-making   do not crash step 0, which makes the memory (hundreds of writes for a large one)
 *   --no-barrier, --no-mirror   a card or a store that is broken on purpose
 *   --replay ID  only this scenario;   --dump ID FOLDER   write the card as it is after this crash */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"

typedef struct {
  lab l;
  const char* shape;
  unsigned long long seed;
  uint32_t step, sample, twice;
  int no_barrier, no_mirror, skip_making;
  const char *replay, *dump_id, *dump_folder;
  uint64_t *seen, seen_room, seen_count; /* hashes of the cards that a crash left: each is tried once */
  uint64_t cuts, tears, reorders, regions, flips, errors, seconds, violations, first_cuts;
} run;

static void report_violation(run* r, const char* id, const char* wrong) {
  r->violations++;
  if (r->violations <= 20) fprintf(stderr, "VIOLATION %s (%s): %s\n", id, r->l.what, wrong);
}

/* 1 the first time that this step leaves this card. */
static int is_new_card(run* r, const sim_card* card, uint64_t salt) {
  uint64_t hash = salt ^ r->step * 0x9e3779b97f4a7c15u;
  for (uint32_t i = 0; i < card->dirty_count; i++) { /* order does not matter: sectors are added up */
    uint64_t at = (uint64_t)card->dirty[i] * MS_SECTOR, h = at + 1;
    if (!memcmp(card->work.disk + at, card->base.disk + at, MS_SECTOR)) continue;
    for (uint32_t j = 0; j < MS_SECTOR; j += 8) {
      uint64_t word;
      memcpy(&word, card->work.disk + at + j, 8);
      h = (h ^ word) * 0xff51afd7ed558ccdu;
      h ^= h >> 32;
    }
    hash += h;
  }
  for (uint32_t i = 0; i < card->files; i++) hash = hash * 31 + card->work.size[i];
  hash |= 1;
  if (2 * r->seen_count >= r->seen_room) {
    uint64_t old_room = r->seen_room, *old = r->seen;
    r->seen_room = old_room ? 2 * old_room : 4096;
    r->seen = calloc(r->seen_room, sizeof *r->seen);
    if (!r->seen) exit(3);
    for (uint64_t i = 0; i < old_room; i++) {
      if (!old[i]) continue;
      uint64_t at = old[i] % r->seen_room;
      while (r->seen[at]) at = (at + 1) % r->seen_room;
      r->seen[at] = old[i];
    }
    free(old);
  }
  uint64_t at = hash % r->seen_room;
  for (; r->seen[at]; at = (at + 1) % r->seen_room)
    if (r->seen[at] == hash) return 0;
  r->seen[at] = hash;
  r->seen_count++;
  return 1;
}

static void dump(const sim_card* card, const char* folder) {
  for (uint32_t i = 0; i < 4; i++) {
    if (!card->work.size[i]) continue;
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, card->place[i].name);
    FILE* f = fopen(path, "wb");
    if (!f ||
        fwrite(card->work.disk + card->place[i].start, 1, card->work.size[i] - 1, f) !=
            card->work.size[i] - 1 ||
        fclose(f))
      exit(3);
  }
}

static int wanted(const run* r, const char* id) {
  const char* only = r->replay ? r->replay : r->dump_id;
  return !only || !strcmp(only, id);
}

static void try_second(run* r, crash first, lab_kind kind, const char* first_id) {
  lab* l = &r->l;
  sim_card* card = &l->second;
  memcpy(card->base.disk, l->card.work.disk, card->disk_bytes);
  memcpy(card->work.disk, l->card.work.disk, card->disk_bytes);
  memcpy(card->base.size, l->card.work.size, sizeof card->base.size);
  memset(card->is_dirty, 0, card->disk_bytes / MS_SECTOR);
  card->dirty_count = 0;
  sim_reset(card);
  card->logging = 1;
  int status = ms_open(&l->probe, l->probe_buffer, l->buffer_bytes, &l->config, &l->second_port, 0, NULL);
  card->logging = 0;
  if (status) return; /* reported by the first cut's own check */
  uint32_t entries = card->log_count;
  sim_entry* log = malloc((entries + 1) * sizeof *log);
  if (!log) exit(3);
  if (entries) memcpy(log, card->log, entries * sizeof *log);
  uint64_t random = r->seed + r->step + first.a * 7919u + first.b * 31u + first.c;
  for (uint32_t i = 0; i < entries; i++) {
    for (uint32_t tear = 0; tear < 1 + (log[i].kind == LOG_WRITE ? 6u : 0u); tear++) {
      crash second = {tear ? 't' : 'c', i, tear ? (uint32_t)(sim_random(&random) % log[i].bytes) : 0,
                      tear % 4};
      char id[160];
      sim_reset(card);
      if (!crash_apply(card, log, entries, second)) continue;
      snprintf(id, sizeof id, "%s/%c:%u:%u:%u", first_id, second.kind, second.a, second.b, second.c);
      if (!wanted(r, id) || !is_new_card(r, card, 77 + first.kind + first.a * 3 + first.b * 5 + first.c * 7))
        continue;
      if (r->dump_id) dump(card, r->dump_folder);
      r->seconds++;
      const char* wrong = lab_check(l, card, &l->second_port, kind, 0);
      if (wrong) report_violation(r, id, wrong);
    }
  }
  free(log);
}

static void try_crash(run* r, crash how, uint64_t* counter) {
  lab* l = &r->l;
  char id[128];
  snprintf(id, sizeof id, "%s/%llu/%u/%c:%u:%u:%u", r->shape, r->seed, r->step, how.kind, how.a, how.b,
           how.c);
  const char* only = r->replay ? r->replay : r->dump_id;
  if (only && strncmp(only, id, strlen(id))) return;
  sim_reset(&l->card);
  if (!crash_apply(&l->card, l->log, l->log_count, how)) return;
  if (!is_new_card(r, &l->card, how.kind == 'f')) return;
  ++*counter;
  lab_kind kind = how.kind == 'f' ? AFTER_FLIP : how.kind == 'r' ? AFTER_REGION : AFTER_CUT;
  if (wanted(r, id)) {
    if (r->dump_id) dump(&l->card, r->dump_folder);
    const char* wrong = lab_check(l, &l->card, &l->port, kind, how.kind == 'f' || how.kind == '-');
    if (wrong) report_violation(r, id, wrong);
  }
  if (kind > AFTER_REGION || !r->twice || (!only && r->first_cuts++ % r->twice)) return;
  sim_reset(&l->card);
  crash_apply(&l->card, l->log, l->log_count, how);
  try_second(r, how, kind, id);
}

static void try_error(run* r, uint32_t at, int code, int sticky) {
  lab* l = &r->l;
  char id[128];
  snprintf(id, sizeof id, "%s/%llu/%u/e:%u:%d:%d", r->shape, r->seed, r->step, at, -code + 2, sticky);
  if (!wanted(r, id)) return;
  r->errors++;
  int status = lab_repeat(l, r->step, at, code, sticky);
  const char* wrong = NULL;
  int opens = r->step == 0 || !strncmp(l->what, "close", 5); /* no memory to look into after such a failure */
  int restores = !strncmp(l->what, "restore", 7);
  if (!opens && !restores) {
    lab_state now;
    if (sticky) ms_flush(l->live); /* the card works again: now it is known which of the two it is */
    lab_read_state(l->live, &l->config, &now);
    int is_old = lab_same(l, &now, &l->before), is_new = lab_same(l, &now, &l->after);
    if (sticky ? !is_old && !is_new : status ? !is_old : !is_new)
      wrong = "the result does not tell what is in RAM";
  }
  if (!wrong && !opens && !sticky) {
    float episode[MS_MAX_DIM], key[MS_MAX_DIM];
    uint64_t random = at;
    lab_state old = l->before, now;
    ms_info info;
    lab_episode(&random, l->config.dim, episode, key);
    ms_teach_result result;
    if (ms_teach(l->live, "after an error", episode, key, 1.0f, 0, &result))
      wrong = "no write after a passing error";
    /* the card must hold this one, and around it the old or the new state */
    if (!wrong) {
      lab_state after = l->after;
      lab_read_state(l->live, &l->config, &now);
      l->before.slot[result.slot] = l->after.slot[result.slot] = now.slot[result.slot];
      wrong = lab_check(l, &l->card, &l->port, AFTER_ERROR, status == MS_OK);
      l->before = old, l->after = after;
    }
    (void)info;
  } else if (!wrong) {
    wrong = lab_check(l, &l->card, &l->port, AFTER_ERROR, status == MS_OK && !opens);
  }
  if (wrong) report_violation(r, id, wrong);
}

static void crash_everything(run* r) {
  lab* l = &r->l;
  uint32_t n = l->log_count, epochs = crash_epochs(l->log, n), sample = r->sample, writes = 0;
  uint64_t random = r->seed * 31 + r->step;
  if (r->no_barrier) { /* one epoch of everything: the card ignored the barriers */
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++)
      if (l->log[i].kind != LOG_SYNC) l->log[kept++] = l->log[i];
    l->log_count = n = kept;
    epochs = 1;
  }
  for (uint32_t i = 0; i < n; i++) writes += l->log[i].kind == LOG_WRITE;
  uint32_t tear_step = writes > 8 ? sample * (writes / 4) : sample; /* long operations repeat themselves */
  for (uint32_t i = 0; i <= n; i++) try_crash(r, (crash){'c', i, 0, 0}, &r->cuts);
  for (uint32_t i = 0; i < n; i++) {
    if (l->log[i].kind != LOG_WRITE) continue;
    for (uint32_t fill = 0; fill < 3; fill++) try_crash(r, (crash){'r', i, fill, 0}, &r->regions);
    for (uint32_t mode = 0; mode < 4; mode++)
      for (uint32_t b = 1 + (uint32_t)(sim_random(&random) % tear_step); b < l->log[i].bytes; b += tear_step)
        try_crash(r, (crash){'t', i, b, mode}, &r->tears);
  }
  for (uint32_t e = 0; e < epochs; e++) {
    uint32_t first, count = crash_epoch(l->log, n, e, &first);
    uint32_t masks = count <= 6 ? 1u << count : 64;
    for (uint32_t i = 0; i < masks; i++) {
      uint32_t mask = count <= 6 ? i : (uint32_t)sim_random(&random) >> (count <= 30 ? 32 - count : 0);
      if (count > 30) mask |= 1u << 31;
      try_crash(r, (crash){'d', e, mask, 0}, &r->reorders);
      for (uint32_t tear = 0; tear < 16 / sample + 1; tear++)
        try_crash(r, (crash){'d', e, mask, 1 + (uint32_t)(sim_random(&random) % 511)}, &r->reorders);
    }
  }
  if (r->no_barrier || r->no_mirror) return;
  for (uint32_t i = 0; i < 200 / sample; i++) {
    uint32_t file = (uint32_t)(sim_random(&random) % 3);
    uint64_t size = l->card.base.size[file];
    if (size < 2) continue;
    uint64_t from = file == 2 ? 65536 : 0, bits = 8 * (size - 1 - 2 * from);
    crash how = {'f', file, (uint32_t)(8 * from + sim_random(&random) % bits), 0};
    if (i % 2) how.c = (uint32_t)(8 * from + sim_random(&random) % bits) + 1;
    try_crash(r, how, &r->flips);
  }
  static const int codes[] = {1, MS_E_IO, MS_E_CARD_FULL, MS_E_READ_ONLY, MS_E_NO_CARD};
  uint32_t stride = l->calls > 200 ? l->calls / 100 : 1;
  for (uint32_t at = 1; at <= l->calls; at += stride)
    for (uint32_t c = 0; c < (sample > 1 ? 2 : 5); c++)
      for (int sticky = 0; sticky < 2; sticky++) try_error(r, at, codes[c], sticky);
}

int main(int argc, char** argv) {
  if (argc < 4) return fprintf(stderr, "crashlab SHAPE SEED STEPS [options]\n"), 2;
  static run r;
  r.shape = argv[1];
  r.seed = strtoull(argv[2], NULL, 10);
  uint32_t steps = (uint32_t)atoi(argv[3]);
  r.sample = 1;
  r.twice = 8;
  for (int i = 4; i < argc; i++) {
    if (!strcmp(argv[i], "--sample"))
      r.sample = (uint32_t)atoi(argv[++i]);
    else if (!strcmp(argv[i], "--twice"))
      r.twice = (uint32_t)atoi(argv[++i]);
    else if (!strcmp(argv[i], "--no-barrier"))
      r.no_barrier = 1;
    else if (!strcmp(argv[i], "--skip-making"))
      r.skip_making = 1;
    else if (!strcmp(argv[i], "--no-mirror"))
      r.no_mirror = 1;
    else if (!strcmp(argv[i], "--replay"))
      r.replay = argv[++i];
    else if (!strcmp(argv[i], "--dump"))
      r.dump_id = argv[++i], r.dump_folder = argv[++i];
    else
      return fprintf(stderr, "unknown option %s\n", argv[i]), 2;
  }
  const lab_shape* shape = lab_shapes;
  while (shape->name && strcmp(shape->name, r.shape)) shape++;
  if (!shape->name) return fprintf(stderr, "unknown shape %s\n", r.shape), 2;
  lab_start(&r.l, shape, r.seed);
  for (r.step = 0; r.step < steps; r.step++) {
    int status = lab_step(&r.l, r.step);
    if (status) {
      char id[128];
      snprintf(id, sizeof id, "%s/%llu/%u", r.shape, r.seed, r.step);
      report_violation(&r, id, status > 0 ? "the slot does not hold what was taught" : ms_strerror(status));
      break;
    }
    if (r.step || !r.skip_making) crash_everything(&r);
    lab_finish_step(&r.l);
    r.l.card.drop_mirror_writes = r.l.second.drop_mirror_writes =
        r.no_mirror; /* the memory was made with one */
  }
  printf(
      "{\"shape\": \"%s\", \"seed\": %llu, \"steps\": %u, \"cuts\": %llu, \"tears\": %llu, \"reorders\": "
      "%llu, "
      "\"regions\": %llu, \"flips\": %llu, \"errors\": %llu, \"second_cuts\": %llu, \"violations\": %llu}\n",
      r.shape, r.seed, r.step, (unsigned long long)r.cuts, (unsigned long long)r.tears,
      (unsigned long long)r.reorders, (unsigned long long)r.regions, (unsigned long long)r.flips,
      (unsigned long long)r.errors, (unsigned long long)r.seconds, (unsigned long long)r.violations);
  free(r.seen);
  lab_end(&r.l);
  return r.violations ? 1 : 0;
}
