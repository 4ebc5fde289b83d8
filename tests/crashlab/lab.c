#include "lab.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const lab_shape lab_shapes[] = {{"ultra_tiny", 8, 128, 4, MS_FP16},   {"tiny_edge", 16, 128, 8, MS_FP16},
                                {"int8", 5, 64, 2, MS_INT8},          {"odd", 7, 256, 3, MS_FP16},
                                {"small", 9, 32, 2, MS_FP16},         {"tiny_edge_int8", 16, 128, 8, MS_INT8},
                                {"original", 512, 256, 512, MS_FP16}, {NULL, 0, 0, 0, 0}};

enum { TEACH, MERGE, REPLACE, FORGET, RENAME, READ_AND_FLUSH, VERIFY, REOPEN, SNAPSHOT, RESTORE };

void lab_episode(uint64_t* random, uint32_t dim, float* episode, float* key) {
  float norm = 0.0f;
  for (uint32_t i = 0; i < dim; i++) {
    episode[i] = (float)((int32_t)(sim_random(random) % 4001) - 2000) / 1024.0f;
    key[i] = (float)((int32_t)(sim_random(random) % 2001) - 1000);
    norm += key[i] * key[i];
  }
  for (uint32_t i = 0; i < dim; i++) key[i] /= sqrtf(norm);
}

static uint64_t digest(uint64_t hash, const void* data, size_t bytes) { /* FNV-1a */
  for (size_t i = 0; i < bytes; i++) hash = (hash ^ ((const uint8_t*)data)[i]) * 0x100000001b3u;
  return hash;
}

void lab_read_state(ms_memory* m, const ms_config* config, lab_state* state) {
  for (uint32_t i = 0; i < config->slots; i++) {
    ms_info info;
    float values[MS_MAX_DIM];
    state->slot[i] = 0;
    if (ms_slot_info(m, i, &info) || !info.occupied) continue;
    state->slot[i] = 1; /* unreadable */
    if (ms_read_slot(m, i, values)) continue;
    uint64_t hash = digest(0xcbf29ce484222325u, info.name, strlen(info.name));
    hash = digest(hash, &info.writes, sizeof info.writes);
    hash = digest(hash, &info.key_scale, sizeof info.key_scale);
    hash = digest(hash, info.key, config->dim);
    state->slot[i] = digest(hash, values, config->dim * sizeof *values);
  }
}

int lab_same(const lab* l, const lab_state* a, const lab_state* b) {
  return !memcmp(a->slot, b->slot, l->config.slots * sizeof *a->slot);
}

static void* need(void* memory) {
  if (memory) return memory;
  fprintf(stderr, "out of memory\n");
  exit(3);
}

void lab_start(lab* l, const lab_shape* shape, uint64_t seed) {
  memset(l, 0, sizeof *l);
  l->config = (ms_config){.slots = shape->slots,
                          .dim = shape->dim,
                          .hot = shape->hot,
                          .slot_dtype = shape->dtype,
                          .alpha = 0.2f,
                          .merge_threshold = 0.9f,
                          .model_hash = {1, 2, 3, 4, 5, 6, 7, 8}};
  l->random = seed * 1000003u + 17;
  l->config.segment_bytes = shape->slots > 64 ? 1240000 : 172032;
  l->buffer_bytes = ms_memory_size(&l->config);
  l->live_buffer = need(malloc(l->buffer_bytes));
  l->probe_buffer = need(malloc(l->buffer_bytes));
  l->saved[0] = need(malloc(l->buffer_bytes));
  l->saved[1] = need(malloc(l->buffer_bytes));
  uint32_t layout = (uint32_t)sim_random(&l->random), first = (uint32_t)(sim_random(&l->random) % 128);
  sim_init(&l->card, &l->config, layout, first, seed);
  sim_init(&l->second, &l->config, layout, first, seed);
  l->port = sim_port(&l->card);
  l->second_port = sim_port(&l->second);
}

void lab_end(lab* l) {
  sim_free(&l->card);
  sim_free(&l->second);
  free(l->live_buffer);
  free(l->probe_buffer);
  free(l->saved[0]);
  free(l->saved[1]);
  free(l->log);
}

static int random_occupied(lab* l, uint64_t* random, ms_info* info) {
  uint32_t start = (uint32_t)(sim_random(random) % l->config.slots);
  for (uint32_t i = 0; i < l->config.slots; i++) {
    uint32_t slot = (start + i) % l->config.slots;
    if (!ms_slot_info(l->live, slot, info) && info->occupied) return (int)slot;
  }
  return -1;
}

static int perform(lab* l, uint32_t number, uint64_t random) {
  static const uint8_t odds[] = {TEACH,          TEACH,   TEACH,  TEACH,    TEACH,    MERGE,
                                 MERGE,          REPLACE, FORGET, FORGET,   RENAME,   READ_AND_FLUSH,
                                 READ_AND_FLUSH, VERIFY,  REOPEN, SNAPSHOT, TEACH,    TEACH,
                                 MERGE,          FORGET,  RENAME, RESTORE,  SNAPSHOT, TEACH};
  float episode[MS_MAX_DIM], key[MS_MAX_DIM], values[MS_MAX_DIM];
  char name[MS_NAME_BYTES];
  ms_info info;
  int word = number <= 2 ? TEACH : odds[sim_random(&random) % sizeof odds];
  int slot = number ? random_occupied(l, &random, &info) : -1;
  if (number && slot < 0) word = TEACH;
  if (word == RESTORE && !l->history) word = SNAPSHOT;
  if (word == SNAPSHOT && l->history >= 10) word = RESTORE;
  lab_episode(&random, l->config.dim, episode, key);
  snprintf(name, sizeof name, "thing %u \xc3\xa9", number);
  if (number == 0) {
    snprintf(l->what, sizeof l->what, "create");
    return ms_open(&l->live, l->live_buffer, l->buffer_bytes, &l->config, &l->port, 0, NULL);
  }
  switch (word) {
    case TEACH: {
      ms_teach_result result;
      snprintf(l->what, sizeof l->what, "teach %s", name);
      int status = ms_teach(l->live, name, episode, key, 1.0f, 0, &result);
      /* what is in the slot is what was taught, bit for bit */
      if (!status && l->config.slot_dtype == MS_FP16 && !ms_read_slot(l->live, result.slot, values) &&
          memcmp(values, episode, l->config.dim * sizeof *values))
        return 1;
      return status;
    }
    case MERGE:
    case REPLACE: {
      for (uint32_t i = 0; i < l->config.dim; i++) key[i] = (float)info.key[i] * info.key_scale;
      snprintf(l->what, sizeof l->what, "%s slot %d", word == MERGE ? "merge into" : "replace", slot);
      return ms_teach(l->live, word == MERGE ? info.name : name, episode, key, 1.0f,
                      word == MERGE ? 0 : MS_REPLACE, NULL);
    }
    case FORGET:
      snprintf(l->what, sizeof l->what, "forget slot %d", slot);
      return ms_forget_slot(l->live, (uint32_t)slot);
    case RENAME:
      snprintf(l->what, sizeof l->what, "rename slot %d", slot);
      return ms_rename(l->live, info.name, name);
    case READ_AND_FLUSH: {
      snprintf(l->what, sizeof l->what, "read and flush");
      for (uint32_t i = 0; i < 3; i++) {
        slot = random_occupied(l, &random, &info);
        int status = ms_read_slot(l->live, (uint32_t)slot, values);
        if (status) return status;
      }
      return ms_flush(l->live);
    }
    case VERIFY:
      snprintf(l->what, sizeof l->what, "verify");
      return ms_verify(l->live, NULL);
    case REOPEN: {
      snprintf(l->what, sizeof l->what, "close and open");
      int status = ms_close(l->live);
      if (!status) status = ms_open(&l->live, l->live_buffer, l->buffer_bytes, &l->config, &l->port, 0, NULL);
      return status;
    }
    case SNAPSHOT:
      snprintf(l->what, sizeof l->what, "snapshot");
      return ms_snapshot(l->live, NULL);
    default: {
      uint32_t state = (uint32_t)(sim_random(&random) % l->history);
      snprintf(l->what, sizeof l->what, "restore %u", state);
      return ms_restore(l->live, state);
    }
  }
}

static uint64_t step_seed(const lab* l, uint32_t number) {
  return l->random ^ (uint64_t)number * 0x2545f4914f6cdd1du;
}

int lab_step(lab* l, uint32_t number) {
  l->before = l->after;
  memcpy(l->saved[0], l->live_buffer, l->buffer_bytes);
  sim_reset(&l->card);
  l->card.logging = 1;
  int status = perform(l, number, step_seed(l, number));
  l->card.logging = 0;
  l->calls = l->card.calls;
  l->log_count = l->card.log_count;
  free(l->log);
  l->log = need(malloc((l->log_count + 1) * sizeof *l->log));
  if (l->log_count) memcpy(l->log, l->card.log, l->log_count * sizeof *l->log);
  memcpy(l->saved[1], l->live_buffer, l->buffer_bytes);
  if (status) return status;
  lab_read_state(l->live, &l->config, &l->after); /* counts as reads: undone with the RAM image */
  memcpy(l->live_buffer, l->saved[1], l->buffer_bytes);
  return MS_OK;
}

int lab_repeat(lab* l, uint32_t number, uint32_t at, int code, int sticky) {
  memcpy(l->live_buffer, l->saved[0], l->buffer_bytes);
  l->live = number ? (ms_memory*)l->live_buffer : NULL; /* a failed open forgets it */
  sim_reset(&l->card);
  l->card.fail_at = at;
  l->card.fail_code = code;
  l->card.fail_sticky = sticky;
  int status = perform(l, number, step_seed(l, number));
  l->card.fail_at = 0;
  return status;
}

void lab_finish_step(lab* l) {
  memcpy(l->live_buffer, l->saved[1], l->buffer_bytes);
  l->live = (ms_memory*)l->live_buffer;
  sim_reset(&l->card);
  crash_apply(&l->card, l->log, l->log_count, (crash){'-', 0, 0, 0});
  sim_accept(&l->card);
  if (!strcmp(l->what, "snapshot")) l->history++;
}
