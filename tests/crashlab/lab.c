#include "lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "block.h"

const lab_shape lab_shapes[] = {{"ultra_tiny", 8, 128, 4, MS_FP16},   {"tiny_edge", 16, 128, 8, MS_FP16},
                                {"int8", 5, 64, 2, MS_INT8},          {"odd", 7, 256, 3, MS_FP16},
                                {"small", 9, 32, 2, MS_FP16},         {"tiny_edge_int8", 16, 128, 8, MS_INT8},
                                {"three", 3, 16, 2, MS_FP16},         {"four", 4, 256, 2, MS_FP16},
                                {"original", 512, 256, 512, MS_FP16}, {NULL, 0, 0, 0, 0}};

unsigned lab_block = 16;

const lab_shape* lab_find_shape(const char* name) {
  const lab_shape* shape = lab_shapes;
  size_t length = strcspn(name, "@");
  if (name[length]) lab_block = (unsigned)strtoul(name + length + 1, NULL, 10);
  while (shape->name && (strlen(shape->name) != length || memcmp(shape->name, name, length))) shape++;
  return shape->name && lab_block ? shape : NULL;
}

/* What a former memory of the same model left in the sectors that its deleted files had. */
static void former_life(lab* l) {
  word_result r;
  uint64_t random = l->card.random;
  l->card.logging = 0;
  for (uint32_t i = 0; i < 6; i++)
    word_do(&l->live, i == 0 ? W_CREATE : i == 4 ? W_UNDO : W_TEACH, random + i, &r);
  ms_close(l->live.memory);
  memcpy(l->card.base.disk, l->card.work.disk, l->card.disk_bytes);
  memset(l->card.work.size, 0, sizeof l->card.work.size);
  memset(l->card.base.size, 0, sizeof l->card.base.size);
}

void lab_start(lab* l, const lab_shape* shape, uint64_t seed) {
  memset(l, 0, sizeof *l);
  l->config = (ms_config){.slots = shape->slots,
                          .dim = shape->dim,
                          .hot = shape->hot,
                          .slot_dtype = shape->dtype,
                          .alpha = 0.2f,
                          .merge_threshold = 0.9f,
                          .min_importance = 0.5f,
                          .model_hash = {1, 2, 3, 4, 5, 6, 7, 8}};
  /* small memories cross the border of two files every few words, and some drop the oldest one */
  l->config.segment_bytes = shape->slots > 64 ? 2300000 : shape->slots > 4 ? 250000 : 171072;
  l->config.history_files = shape->slots > 4 || seed % 2 ? 0 : 3;
  size_t bytes = ms_memory_size(&l->config);
  l->live = (word_target){.buffer = sim_need(malloc(bytes)),
                          .buffer_bytes = bytes,
                          .config = &l->config,
                          .port = &l->port,
                          .numbers = l->numbers};
  l->probe = (lab_probe){.config = &l->config, .buffer = sim_need(malloc(bytes)), .buffer_bytes = bytes};
  l->saved[0] = sim_need(malloc(bytes));
  l->saved[1] = sim_need(malloc(bytes));
  uint64_t random = seed * 1000003u + 17, disk = shape->slots > 64 ? 16u << 20 : 3u << 20;
  uint32_t layout = (uint32_t)sim_random(&random) % 256, first = (uint32_t)(sim_random(&random) % 128);
  sim_init(&l->card, disk, layout, first, seed);
  sim_init(&l->second, disk, layout, first, seed);
  l->port = sim_port(&l->card);
  l->second_port = sim_port(&l->second);
  if (sim_random(&random) & 1) former_life(l);
  memcpy(l->second.base.disk, l->card.base.disk, disk);
  memcpy(l->second.work.disk, l->card.base.disk, disk);
  sim_rewind(&l->card);
}

void lab_end(lab* l) {
  sim_free(&l->card);
  sim_free(&l->second);
  free(l->live.buffer);
  free(l->probe.buffer);
  free(l->saved[0]);
  free(l->saved[1]);
  free(l->log.entry);
}

/* The clock as far as writes have carried it to the card: reads are in RAM alone. */
static uint64_t written_clock(const lab* l, ms_memory* m) {
  uint64_t newest = 0;
  ms_info info;
  for (uint32_t i = 0; i < l->config.slots; i++)
    if (!ms_slot_info(m, i, &info) && info.sequence > newest) newest = info.sequence;
  return newest;
}

static void drop_last_barrier(sim_log* log, uint32_t from) {
  for (uint32_t i = log->count; i-- > from;) {
    if (log->entry[i].kind != LOG_SYNC) continue;
    memmove(log->entry + i, log->entry + i + 1, (log->count - i - 1) * sizeof *log->entry);
    log->count--;
    return;
  }
}

const char* lab_word(lab* l, word w, uint64_t random) {
  l->before = l->after;
  l->clock_before = l->clock_after;
  l->states_before = l->states_after;
  l->word = w;
  l->random = random;
  memcpy(l->saved[0], l->live.buffer, l->live.buffer_bytes);
  sim_begin(&l->card);
  l->open_entries = l->card.log.count;
  l->card.logging = 1;
  l->status = word_do(&l->live, w, random, &l->result);
  l->card.logging = 0;
  l->calls = l->card.calls;
  l->syncs = l->card.syncs;
  l->writes = l->card.writes;
  if (l->last_barrier_missing) drop_last_barrier(&l->card.log, l->open_entries);
  sim_copy_log(&l->log, &l->card.log);
  memcpy(l->saved[1], l->live.buffer, l->live.buffer_bytes);
  if (l->result.wrong) return "the slot does not hold what was taught";
  if (l->status && l->status != MS_E_NOT_FOUND && l->status != MS_E_MEMORY_FULL)
    return ms_strerror(l->status);
  l->clock_after = written_clock(l, l->live.memory);
  lab_read_state(l->live.memory, &l->config, &l->after);
  uint32_t oldest, newest;
  if (ms_history_range(l->live.memory, &oldest, &newest)) return "the history has no range";
  if (!l->states_after || l->numbers[l->states_after - 1] != newest) {
    if (l->states_after == LAB_STATES) return "more states than the laboratory counts";
    l->numbers[l->states_after] = newest;
    l->states[l->states_after++] = l->after;
  }
  memcpy(l->live.buffer, l->saved[1], l->live.buffer_bytes); /* reading counts: undone */
  uint32_t changed = 0;
  for (uint32_t i = 0; i < l->config.slots; i++) changed += l->before.slot[i] != l->after.slot[i];
  if (l->status && changed) return "it failed and changed something";
  if (l->result.one_write && changed > 1) return "more than one slot has changed";
  if (w >= W_UNSAVED && changed) return "a word that saves nothing has changed what is saved";
  if (w == W_RESTORE && !l->status && !lab_same(&l->config, &l->after, &l->states[l->result.restored]))
    return "the restored state is not what it was";
  return NULL;
}

void lab_undo_word(lab* l) {
  memcpy(l->live.buffer, l->saved[0], l->live.buffer_bytes);
  l->live.memory = l->made ? (ms_memory*)l->live.buffer : NULL; /* a failed open forgets it */
  sim_begin(&l->card);
}

void lab_accept_word(lab* l) {
  memcpy(l->live.buffer, l->saved[1], l->live.buffer_bytes);
  l->live.memory = (ms_memory*)l->live.buffer;
  l->made = 1;
  sim_accept(&l->card, &l->log, &l->second);
  l->live.states = l->states_after;
}

void lab_word_with(lab* l, const sim_fault* fault, int lasts, lab_faulty* o) {
  float episode[MS_MAX_DIM], key[MS_MAX_DIM];
  uint64_t random = fault->call + fault->sync * 31u + fault->bad_at + fault->write * 7u;
  word_result r;
  lab_undo_word(l);
  l->card.logging = 1;
  l->card.fault = *fault;
  if (fault->flip) sim_flip(&l->card, fault->flip - 1);
  o->status = word_do(&l->live, l->word, l->random, &r);
  o->done = l->card.log.count;
  if (!lasts) memset(&l->card.fault, 0, sizeof l->card.fault);
  o->is_open = l->live.memory != NULL && !((l->word == W_CREATE || l->word == W_REOPEN) && o->status);
  o->next_status = MS_E_ARGUMENT;
  if (o->is_open) {
    float values[MS_MAX_DIM];
    ms_read_slot(l->live.memory, 0, values); /* whoever looks finds out first what a failed write left */
    lab_read_state(l->live.memory, &l->config, &o->ram);
    word_episode(&random, l->config.dim, episode, key);
    o->next_status = ms_teach(l->live.memory, "after the fault", episode, key, 4.0f, 0, NULL);
    lab_read_state(l->live.memory, &l->config, &o->next);
  }
  o->end = l->card.log.count;
  l->card.logging = 0;
  sim_copy_log(&o->log, &l->card.log);
}

struct lab_point {
  sim_image base;
  sim_log tail;
  uint8_t* ram;
  lab_state after;
  uint64_t clock;
  uint32_t states;
};

lab_point* lab_keep(const lab* l) {
  lab_point* p = sim_need(calloc(1, sizeof *p));
  p->base = l->card.base;
  p->base.disk = sim_need(malloc(l->card.disk_bytes));
  memcpy(p->base.disk, l->card.base.disk, l->card.disk_bytes);
  sim_copy_log(&p->tail, &l->card.tail);
  p->ram = sim_need(malloc(l->live.buffer_bytes));
  memcpy(p->ram, l->live.buffer, l->live.buffer_bytes);
  p->after = l->after;
  p->clock = l->clock_after;
  p->states = l->states_after;
  return p;
}

void lab_return(lab* l, const lab_point* p) {
  uint8_t* disk = l->card.base.disk;
  sim_rewind(&l->card);
  memcpy(disk, p->base.disk, l->card.disk_bytes);
  l->card.base = p->base;
  l->card.base.disk = disk;
  memcpy(l->card.work.disk, disk, l->card.disk_bytes);
  memcpy(l->second.base.disk, disk, l->card.disk_bytes);
  memcpy(l->second.work.disk, disk, l->card.disk_bytes);
  memcpy(l->card.work.size, p->base.size, sizeof p->base.size);
  sim_copy_log(&l->card.tail, &p->tail);
  memcpy(l->live.buffer, p->ram, l->live.buffer_bytes);
  l->live.memory = (ms_memory*)l->live.buffer;
  l->after = p->after;
  l->clock_after = p->clock;
  l->live.states = l->states_after = p->states;
}

void lab_drop(lab_point* p) {
  free(p->base.disk);
  free(p->tail.entry);
  free(p->ram);
  free(p);
}
