#include "classes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char* const class_names[CLASSES] = {"cut",
                                          "torn sector",
                                          "reordered writes",
                                          "garbled region",
                                          "garbled 4 MB unit",
                                          "flipped bits",
                                          "file gone or short",
                                          "damage while open",
                                          "both copies",
                                          "flip and cut",
                                          "failing call",
                                          "failed barrier",
                                          "read error",
                                          "bad sector",
                                          "lost write",
                                          "misdirected write",
                                          "second cut"};

void run_report(lab_run* r, lab_class c, const char* id, const char* wrong) {
  r->violations[c]++;
  if (r->violations[c] <= 5) fprintf(stderr, "VIOLATION %s (%s): %s\n", id, word_names[r->l.word], wrong);
}

static int stopped(const lab_run* r) {
  for (int c = 0; r->stop && c < CLASSES; c++)
    if (r->violations[c]) return 1;
  return 0;
}

static uint64_t mix(uint64_t a, uint64_t b) {
  uint64_t state = a * 0x9e3779b97f4a7c15u ^ b;
  return sim_random(&state);
}

/* Chance of a scenario: a function of the seed, the word and its number, so that any can be run alone. */
static uint64_t chance(const lab_run* r, uint64_t which) { return mix(mix(r->seed, r->l.random), which); }

/* 1 the first time that this word leaves this card. */
static int is_new_card(lab_run* r, const sim_card* card, uint64_t salt) {
  uint64_t hash = mix(salt, r->l.random + r->step);
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
    r->seen = sim_need(calloc(r->seen_room, sizeof *r->seen));
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
  for (uint32_t i = 0; i < card->files; i++) {
    if (!card->work.size[i]) continue;
    char path[1200], *slash;
    snprintf(path, sizeof path, "%s/%s", folder, card->place[i].name);
    if ((slash = strchr(card->place[i].name, '/')) != NULL) {
      char command[1300];
      snprintf(command, sizeof command, "mkdir -p '%s/%.*s'", folder, (int)(slash - card->place[i].name),
               card->place[i].name);
      if (system(command)) exit(3);
    }
    FILE* f = fopen(path, "wb");
    size_t bytes = card->work.size[i] - 1;
    if (!f || fwrite(card->work.disk + card->place[i].start, 1, bytes, f) != bytes || fclose(f)) exit(3);
  }
}

static int wanted(const lab_run* r, const char* id) { return !r->only || !strcmp(r->only, id); }
static int leads_to(const lab_run* r, const char* id) {
  return !r->only || !strncmp(r->only, id, strlen(id));
}

/* What holds after the word, or in it. */
static lab_promise promise_of(lab* l, int in_it) {
  lab_promise p = {.clock = in_it ? l->clock_before : l->clock_after, .states = l->states};
  if (in_it) p.may[p.count++] = &l->before;
  p.may[p.count++] = &l->after;
  p.between = in_it && l->word == W_PRUNE;
  p.numbers = l->numbers;
  p.known = in_it ? l->states_before : l->states_after;
  p.number[0] = l->states_before && in_it ? l->numbers[l->states_before - 1] : 0;
  p.number[1] = l->states_after ? l->numbers[l->states_after - 1] : 0;
  return p;
}

static void try_second(lab_run* r, const lab_promise* promise, crash first, const char* first_id) {
  lab* l = &r->l;
  sim_card* card = &l->second;
  sim_fork(card, &l->card);
  card->logging = 1;
  ms_memory* memory;
  int status = ms_open(&memory, l->probe.buffer, l->probe.buffer_bytes, &l->config, &l->second_port, 0, NULL);
  card->logging = 0;
  sim_log log = {0};
  sim_copy_log(&log, &card->log);
  for (uint32_t i = 0; !status && i < log.count && !stopped(r); i++) {
    for (uint32_t tear = 0; tear < 1 + (log.entry[i].kind == LOG_WRITE ? 5u : 0u); tear++) {
      crash second = {'c', i, 0, 0};
      char id[240];
      if (tear == 4) { /* an epoch's writes in any order */
        uint32_t epoch = 0;
        for (uint32_t j = 0; j < i; j++) epoch += log.entry[j].kind == LOG_SYNC;
        second = (crash){'d', epoch, (uint32_t)chance(r, first.b + i) | 1u << 31, 0};
      } else if (tear == 5) {
        if (promise->is_lost) continue; /* two damages and a garbled region are more than is promised */
        second = (crash){'r', i, 2, 0};
      } else if (tear) {
        second = (crash){'t', i, chance(r, first.b + i + tear * 97) % log.entry[i].bytes, tear};
      }
      if (!crash_apply(card, &log, second)) continue;
      snprintf(id, sizeof id, "%s/%c:%u:%llu:%llu", first_id, second.kind, second.a,
               (unsigned long long)second.b, (unsigned long long)second.c);
      if (!wanted(r, id) || !is_new_card(r, card, mix(first.kind + first.a, first.b + first.c))) continue;
      if (r->only && r->dump) dump(card, r->dump);
      r->scenarios[C_SECOND]++;
      const char* wrong = lab_check(&l->probe, card, &l->second_port, promise, (uint32_t)chance(r, i + tear));
      if (wrong) run_report(r, C_SECOND, id, wrong);
    }
  }
  free(log.entry);
  sim_join(card, &l->card);
}

static void try_crash(lab_run* r, lab_class c, crash how, const lab_promise* promise) {
  lab* l = &r->l;
  char id[160];
  snprintf(id, sizeof id, "%s/%c:%u:%llu:%llu", r->path, how.kind, how.a, (unsigned long long)how.b,
           (unsigned long long)how.c);
  if (stopped(r) || !leads_to(r, id) || !crash_apply(&l->card, &l->log, how)) return;
  uint32_t thorough = (uint32_t)chance(r, mix(how.kind + how.a * 3u, how.b + how.c * 7u));
  /* a finished word is promised more than the same card in it */
  if (!is_new_card(r, &l->card, (promise->count == 1) + (how.kind == 'f' || how.kind == 'u') * 2)) return;
  if (wanted(r, id)) {
    if (r->only && r->dump) dump(&l->card, r->dump);
    r->scenarios[c]++;
    const char* wrong = lab_check(&l->probe, &l->card, &l->port, promise, thorough);
    if (wrong) run_report(r, c, id, wrong);
  }
  int repairs = c == C_CUT || c == C_TEAR || c == C_REORDER || c == C_REGION;
  if (!repairs || !r->twice || (!r->only && r->first_cuts++ % r->twice)) return;
  crash_apply(&l->card, &l->log, how);
  lab_promise second = *promise;
  second.says = 0;
  try_second(r, &second, how, id);
}

static int is_finished(const lab* l, crash how) { return crash_time(&l->log, how) >= l->log.count; }

/* A cut in, or just after, the word: what kind of damage it does is in `how`. */
static void cut_word(lab_run* r, lab_class c, crash how) {
  lab_promise promise = promise_of(&r->l, !is_finished(&r->l, how));
  promise.says = r->l.word != W_RESTORE;
  promise.states_may_break = c == C_REGION; /* a state may be of the newest entry, which is there once */
  try_crash(r, c, how, &promise);
}

static void cuts(lab_run* r) {
  const sim_log* log = &r->l.log;
  uint32_t n = log->count, first = r->l.open_entries, writes = 0;
  for (uint32_t i = first; i < n; i++) writes += log->entry[i].kind == LOG_WRITE;
  uint32_t step = writes > 8 ? r->sample * (writes / 4) : r->sample; /* long words repeat themselves */
  uint32_t stride = writes > 64 && r->sample > 1 ? writes / 64 : 1;
  for (uint32_t i = first; i <= n; i += i + stride > n && i < n ? n - i : stride)
    cut_word(r, C_CUT, (crash){'c', i, 0, 0});
  for (uint32_t i = first; i < n; i += stride) {
    if (log->entry[i].kind != LOG_WRITE) continue;
    for (uint32_t fill = 0; fill < 3; fill++) cut_word(r, C_REGION, (crash){'r', i, fill, 0});
    for (uint32_t mode = 0; mode < 4; mode++)
      for (uint32_t b = 1 + (uint32_t)(chance(r, i * 4 + mode) % step); b < log->entry[i].bytes; b += step)
        cut_word(r, C_TEAR, (crash){'t', i, b, mode});
  }
}

/* The writes between two barriers, those that earlier words left open among them, in any order and number. */
static void reorders(lab_run* r) {
  const sim_log* log = &r->l.log;
  uint32_t epochs = crash_epochs(log), stride = epochs > 64 && r->sample > 1 ? epochs / 32 : 1;
  for (uint32_t e = 0; e < epochs; e += e + stride >= epochs && e + 1 < epochs ? epochs - 1 - e : stride) {
    uint32_t first, count = crash_epoch(log, e, &first);
    uint32_t masks = count <= 6 ? 1u << count : 64 / (r->sample > 9 ? 2 : 1);
    for (uint32_t i = 0; i < masks; i++) {
      uint32_t random = (uint32_t)chance(r, e * 1000 + i), mask = i;
      if (count > 6) mask = count <= 30 ? random >> (32 - count) : random | 1u << 31;
      cut_word(r, C_REORDER, (crash){'d', e, mask, 0});
      if (e + 1 == epochs) cut_word(r, C_REORDER, (crash){'d', e, mask, CRASH_LATE});
      cut_word(r, C_REORDER, (crash){'d', e, mask, CRASH_ALL_TORN + random % 4096});
      for (uint32_t tear = 0; tear < 16 / r->sample + 1; tear++)
        cut_word(r, C_REORDER, (crash){'d', e, mask, 1 + chance(r, e * 1000 + i * 16 + tear) % 511});
    }
  }
}

/* Which sectors of the finished card are looked at, and in which file they lie. */
static void note_reads(lab_run* r) {
  lab* l = &r->l;
  uint32_t oldest, newest;
  lab_state ignored;
  crash_apply(&l->card, &l->log, (crash){'-', 0, 0, 0});
  l->card.read_count = 0;
  l->card.noting = 1;
  if (!ms_open(&l->probe.memory, l->probe.buffer, l->probe.buffer_bytes, &l->config, &l->port, 0, NULL)) {
    lab_read_state(l->probe.memory, &l->config, &ignored);
    ms_history_range(l->probe.memory, &oldest, &newest);
  }
  l->card.noting = 0;
}

static uint64_t a_read(const lab_run* r, uint64_t which) {
  const sim_card* card = &r->l.card;
  return card->read_count ? card->reads[chance(r, which) % card->read_count] : 0;
}

/* A bit of a sector that is read; half of them in its first bytes, where headers and counters are. */
static uint64_t a_bit(const lab_run* r, uint64_t which) {
  uint64_t random = chance(r, which + 500);
  return a_read(r, which) * 8 + (random & 1 ? random / 2 % 4096 : random / 2 % 512);
}

/* Both copies have lost something; a cut in the repair loses nothing more. */
static void cut_repair(lab_run* r, crash how) {
  lab* l = &r->l;
  char id[160];
  lab_state found;
  ms_report report;
  snprintf(id, sizeof id, "%s/%c:%u:%llu:%llu", r->path, how.kind, how.a, (unsigned long long)how.b,
           (unsigned long long)how.c);
  if (stopped(r) || !r->twice || !leads_to(r, id) || !crash_apply(&l->card, &l->log, how)) return;
  if (ms_open(&l->probe.memory, l->probe.buffer, l->probe.buffer_bytes, &l->config, &l->port, 0, &report) ||
      report.kept != MS_STATE_MERGED)
    return;
  lab_read_state(l->probe.memory, &l->config, &found);
  crash_apply(&l->card, &l->log, how);
  lab_promise promise = promise_of(l, 0);
  promise.may[0] = &found;
  promise.is_lost = promise.states_may_break = 1;
  promise.clock = 0;
  try_second(r, &promise, how, id);
}

static void damage(lab_run* r) {
  lab* l = &r->l;
  for (uint32_t i = 0; i < 160 / r->sample + 4; i++) {
    uint64_t bit = a_bit(r, i), sector = bit / 4096 * 512;
    lab_promise promise = promise_of(l, 0);
    promise.states_may_break = 1;
    crash how = {'f', 0, bit, 0};
    uint64_t other = a_read(r, i + 9000);
    if (i % 2 && other / SIM_REGION == sector / SIM_REGION) /* one region, so one copy */
      how.c = other * 8 + chance(r, i + 7000) % 4096 + 1;
    try_crash(r, C_FLIP, how, &promise);
    promise.may_lose = 1;
    promise.may_refuse = 1;
    how = (crash){'f', 1, bit, a_read(r, i + 9000) * 8 + chance(r, i + 7000) % 4096 + 1};
    try_crash(r, C_BOTH, how, &promise);
    if (i % 4 == 0) cut_repair(r, how);
  }
  uint32_t n = l->log.count;
  for (uint32_t i = 0; n > l->open_entries && i < 120 / r->sample + 4; i++) {
    uint32_t at = l->open_entries + (uint32_t)(chance(r, i + 11000) % (n - l->open_entries));
    lab_promise promise = promise_of(l, 1);
    promise.may_lose = promise.may_refuse = promise.states_may_break = 1;
    try_crash(r, C_FLIP_CUT, (crash){'x', at, a_read(r, i + 12000) * 8 + chance(r, i + 13000) % 4096, 0},
              &promise);
    if (i % 4 || l->log.entry[at].kind != LOG_WRITE) continue;
    promise.zeros = i / 4 % 3 == 0;
    uint64_t border = chance(r, i + 14000) % (l->card.disk_bytes / MS_SECTOR);
    try_crash(r, C_UNIT, (crash){'u', at, border, i / 4 % 3}, &promise);
  }
}

/* A file that is gone or cut short is one copy lost. What was written since the last flush is in the log
 * alone, so its files are not among these. */
static void gone_files(lab_run* r) {
  for (uint32_t file = 0; file < r->l.card.files; file++) {
    lab_promise promise = promise_of(&r->l, 0);
    promise.states_may_break = 1;
    uint64_t size = r->l.card.base.size[file],
             part = size > 1 ? chance(r, file + 40000) % size / 512 * 512 : 0;
    if (!strncmp(r->l.card.place[file].name, "history/", 8)) continue;
    try_crash(r, C_GONE, (crash){'g', file, 0, 0}, &promise);
    if (part) try_crash(r, C_GONE, (crash){'g', file, part, 0}, &promise);
  }
}

/* After a fault in the word and the next one done: what is on the card, wherever the power goes. */
static const char* check_faulty(lab_run* r, lab_faulty* o, uint32_t samples, uint64_t which, int lasts,
                                int may_fail) {
  lab* l = &r->l;
  const char* wrong = NULL;
  int is_old = o->is_open && lab_same(&l->config, &o->ram, &l->before),
      is_new = o->is_open && lab_same(&l->config, &o->ram, &l->after);
  int several = !l->result.one_write;
  if (o->is_open && !may_fail && o->next_status) return "no write after a passing error";
  if (o->is_open && !o->status && !is_new) return "it said done and RAM has something else";
  if (o->is_open && o->status && !is_old && !is_new && !several) return "RAM is neither old nor new";
  uint32_t changed = 0;
  for (uint32_t i = 0; o->is_open && !o->next_status && i < l->config.slots; i++)
    changed += o->next.slot[i] != l->before.slot[i] && o->next.slot[i] != l->after.slot[i];
  if (changed > 1 && !several) return "the next write changed more than one slot";
  for (uint32_t i = 0; !wrong && i <= samples; i++) {
    uint64_t random = chance(r, which * 64 + i);
    crash how = {'c', o->end, 0, 0};
    if (i) {
      uint32_t epoch = (uint32_t)(random % crash_epochs(&o->log)), first,
               count = crash_epoch(&o->log, epoch, &first);
      how = i % 2 ? (crash){'c', l->open_entries + (uint32_t)(random % (o->end - l->open_entries + 1)), 0, 0}
                  : (crash){
                        'd', epoch,
                        count <= 30 ? (random >> 8) % (1ull << count) : (random >> 8) % (1u << 31) | 1u << 31,
                        random >> 60 == 0 ? CRASH_LATE : 0};
      uint32_t entry = l->open_entries + (uint32_t)(random / 7 % (o->end - l->open_entries + 1));
      if (i % 3 == 0 && entry < o->end && o->log.entry[entry].kind == LOG_WRITE)
        how = (crash){'r', entry, random >> 50 & 3, 0};
    }
    if (!crash_apply(&l->card, &o->log, how)) continue;
    uint32_t time = crash_time(&o->log, how);
    lab_promise promise = promise_of(l, 1);
    promise.states_may_break = lasts || how.kind == 'r';
    int finished = !o->status && time >= o->done;
    if (finished) promise.may[0] = &l->after, promise.count = 1;
    if (finished) promise.clock = l->clock_after;
    if (!finished && l->word == W_PRUNE) promise.between = 1;
    if (o->is_open && time >= o->end && !o->next_status) {
      promise.may[0] = &o->next, promise.count = 1, promise.between = 0;
    } else if (o->is_open && time > o->done) {
      promise.may[promise.count++] = &o->next;
      promise.between = o->status && l->word == W_PRUNE; /* it stopped somewhere */
      if (several && o->status) promise.may[promise.count++] = &o->ram;
    }
    if (r->only && r->dump) dump(&l->card, r->dump);
    wrong = lab_check(&l->probe, &l->card, &l->port, &promise, (uint32_t)random);
  }
  return wrong;
}

static void try_fault(lab_run* r, lab_class c, const sim_fault* fault, int lasts, int may_fail,
                      uint32_t samples, const char* what, uint64_t a, uint64_t b, uint64_t d) {
  char id[160];
  snprintf(id, sizeof id, "%s/%s:%llu:%llu:%llu", r->path, what, (unsigned long long)a, (unsigned long long)b,
           (unsigned long long)d);
  if (stopped(r) || !wanted(r, id)) return;
  lab_faulty outcome = {0};
  lab_word_with(&r->l, fault, lasts, &outcome);
  const char* wrong = check_faulty(r, &outcome, samples, mix(a, b + d * 3), lasts, may_fail);
  r->scenarios[c] += 1 + samples;
  if (wrong) run_report(r, c, id, wrong);
  free(outcome.log.entry);
}

static void failing_calls(lab_run* r) {
  static const int codes[] = {1, MS_E_IO, MS_E_CARD_FULL, MS_E_READ_ONLY, MS_E_NO_CARD};
  uint32_t stride = r->l.calls > 200 ? r->l.calls / 100 : 1;
  for (uint32_t at = 1; at <= r->l.calls; at += stride)
    for (uint32_t i = 0; i < (r->sample > 1 ? 2 : 5); i++)
      for (int sticky = 0; sticky < 4; sticky++) {
        uint32_t code = r->sample > 1 ? (at + i * 2) % 5 : i;
        sim_fault fault = {
            .call = at, .code = codes[code], .sticky = sticky > 0, .only = sticky > 1 ? sticky - 1 : 0};
        if (sticky > 1 && code > 1) continue; /* reads, or writes, alone fail in two ways */
        try_fault(r, C_CALL, &fault, 0, 0, 1, "e", at, code, (uint64_t)sticky);
      }
}

/* fsyncgate: what a failed barrier covered is dropped, reads show it or not, the next barrier says yes. */
static void failed_barriers(lab_run* r) {
  uint32_t stride = r->l.syncs > 24 ? r->l.syncs / 12 : 1;
  for (uint32_t at = 1; at <= r->l.syncs; at += stride)
    for (uint32_t how = 0; how < 8; how++) {
      sim_fault fault = {.sync = at, .syncs = 1 + (how >> 2), .revert = how & 1};
      if (how & 2) fault.drop = 1 + (uint32_t)chance(r, at * 8 + how) % 1000;
      try_fault(r, C_BARRIER, &fault, 0, 1, r->sample > 9 ? 3 : 6, "s", at, how, 0);
    }
}

/* A sector that cannot be read: once, or until it is written, or for good. */
static void bad_sectors(lab_run* r) {
  lab* l = &r->l;
  for (uint32_t i = 0; i < 60 / r->sample + 3; i++) {
    for (uint32_t how = 0; how < 3; how++) {
      sim_fault fault = {.bad_at = a_read(r, i + 20000), .bad_reads = how ? UINT32_MAX : 1, .deaf = how == 2};
      lab_class c = how ? C_SECTOR : C_READ;
      char id[160];
      try_fault(r, c, &fault, how, how == 2, 1, "b", i, how, 0);
      snprintf(id, sizeof id, "%s/o:%u:%u:0", r->path, i, how);
      if (stopped(r) || !wanted(r, id)) continue;
      /* opening with it; and when it is gone */
      crash_apply(&l->card, &l->log, (crash){'-', 0, 0, 0});
      if (r->only && r->dump) dump(&l->card, r->dump);
      l->card.fault = fault;
      lab_promise promise = promise_of(l, 0);
      promise.states_may_break = 1;
      const char* wrong = how == 2 ? NULL : lab_check(&l->probe, &l->card, &l->port, &promise, 8);
      if (how == 2) { /* whoever only looks need not write */
        lab_state found;
        int status = ms_open(&l->probe.memory, l->probe.buffer, l->probe.buffer_bytes, &l->config, &l->port,
                             MS_OPEN_READ_ONLY, NULL);
        if (status) wrong = "a card with one bad sector cannot be looked at";
        if (!status) lab_read_state(l->probe.memory, &l->config, &found);
        if (!status && !lab_same(&l->config, &found, &l->after)) wrong = "a bad sector hides something";
        l->card.fault.bad_reads = 0;
        if (!wrong) wrong = lab_check(&l->probe, &l->card, &l->port, &promise, 8);
      }
      r->scenarios[c]++;
      if (wrong) run_report(r, c, id, wrong);
    }
  }
}

/* One write that the card calls done, and that is nowhere or elsewhere. */
static void lost_writes(lab_run* r) {
  uint32_t stride = r->l.writes > 40 ? r->l.writes / 20 : 1;
  for (uint32_t at = 1; at <= r->l.writes; at += stride)
    for (uint32_t how = 0; how < 4; how++) {
      sim_fault fault = {.write = at};
      if (how) fault.astray = a_read(r, at * 4 + how + 30000) + 1;
      char id[160];
      snprintf(id, sizeof id, "%s/w:%u:%u:0", r->path, at, how);
      if (stopped(r) || !wanted(r, id)) continue;
      lab* l = &r->l;
      lab_faulty o = {0};
      lab_word_with(l, &fault, 0, &o);
      /* cut right after the word: one sector of it is old, and one elsewhere may be wrong */
      lab_promise promise = promise_of(l, o.status != MS_OK);
      promise.states_may_break = 1;
      promise.may_lose = l->word == W_CREATE; /* its own zeros: there is no second copy yet */
      promise.between = o.status && !l->result.one_write;
      const char* wrong = NULL;
      int applied = crash_apply(&l->card, &o.log, (crash){'c', o.done, 0, 0});
      if (r->only && r->dump) dump(&l->card, r->dump);
      if (applied) wrong = lab_check(&l->probe, &l->card, &l->port, &promise, 8);
      r->scenarios[how ? C_ASTRAY : C_LOST]++;
      if (wrong) run_report(r, how ? C_ASTRAY : C_LOST, id, wrong);
      free(o.log.entry);
    }
}

/* A sector goes bad under an open memory, which goes on: one copy of one thing. */
static void live_damage(lab_run* r) {
  lab* l = &r->l;
  for (uint32_t i = 0; l->made && i < 60 / r->sample + 3; i++) {
    sim_fault fault = {.flip = a_bit(r, i + 50000) + 1};
    char id[160];
    snprintf(id, sizeof id, "%s/l:%u:0:0", r->path, i);
    if (stopped(r) || !wanted(r, id)) continue;
    lab_faulty o = {0};
    lab_word_with(l, &fault, 0, &o);
    lab_promise promise = promise_of(l, o.status != MS_OK);
    promise.states_may_break = 1;
    promise.between = o.status && l->word == W_PRUNE;
    const char* wrong = NULL;
    sim_log flipped = o.log;
    flipped.count = o.done;
    if (crash_apply(&l->card, &flipped, (crash){'-', 0, 0, 0}))
      wrong = lab_check(&l->probe, &l->card, &l->port, &promise, 8);
    r->scenarios[C_LIVE]++;
    if (wrong) run_report(r, C_LIVE, id, wrong);
    free(o.log.entry);
  }
}

void run_classes(lab_run* r) {
  cuts(r);
  reorders(r);
  if (r->cuts_only) return;
  note_reads(r);
  damage(r);
  gone_files(r);
  live_damage(r);
  failing_calls(r);
  failed_barriers(r);
  bad_sectors(r);
  lost_writes(r);
}
