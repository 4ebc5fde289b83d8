#include "words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char* const word_names[WORDS] = {"teach",          "teach again", "replace",       "forget",
                                       "rename",         "prune",       "undo",          "restore",
                                       "close and open", "confirm",     "teach unsaved", "read and flush",
                                       "look back",      "verify",      "create"};

void word_episode(uint64_t* random, uint32_t dim, float* episode, float* key) {
  float norm = 0.0f;
  for (uint32_t i = 0; i < dim; i++) {
    episode[i] = (float)((int32_t)(sim_random(random) % 4001) - 2000) / 1024.0f;
    key[i] = (float)((int32_t)(sim_random(random) % 2001) - 1000);
    norm += key[i] * key[i];
  }
  for (uint32_t i = 0; i < dim; i++) key[i] /= sqrtf(norm);
}

static int random_occupied(const word_target* t, uint64_t* random, ms_info* info) {
  uint32_t start = (uint32_t)(sim_random(random) % t->config->slots);
  for (uint32_t i = 0; i < t->config->slots; i++) {
    uint32_t slot = (start + i) % t->config->slots;
    if (!ms_slot_info(t->memory, slot, info) && info->occupied) return (int)slot;
  }
  return -1;
}

/* What is in the slot is what was taught, bit for bit. */
static int holds(const word_target* t, uint32_t slot, const float* episode) {
  float values[MS_MAX_DIM];
  return t->config->slot_dtype != MS_FP16 || (!ms_read_slot(t->memory, slot, values) &&
                                              !memcmp(values, episode, t->config->dim * sizeof *values));
}

static int teach(word_target* t, word w, uint64_t* random, word_result* r) {
  float episode[MS_MAX_DIM], key[MS_MAX_DIM];
  char name[MS_NAME_BYTES];
  ms_info info;
  ms_teach_result result;
  int slot = random_occupied(t, random, &info);
  word_episode(random, t->config->dim, episode, key);
  /* importance rises with the thing's number, so that prune takes some */
  uint32_t number = (uint32_t)sim_random(random);
  snprintf(name, sizeof name, "thing %08x \xc3\xa9", number);
  float importance = w == W_UNSAVED ? 0.25f : 1.0f + (float)(number % 4);
  uint32_t flags = 0;
  if (w != W_TEACH && w != W_UNSAVED && slot >= 0) {
    for (uint32_t i = 0; i < t->config->dim; i++) key[i] = (float)info.key[i] * info.key_scale;
    if (w == W_SAME) strcpy(name, info.name);
    if (w == W_REPLACE) flags = MS_REPLACE;
  }
  int status = ms_teach(t->memory, name, episode, key, importance, flags, &result);
  if (!status && result.action != MS_ACTION_MERGED) r->wrong = !holds(t, result.slot, episode);
  return status;
}

static int read_and_flush(word_target* t, uint64_t* random) {
  float values[MS_MAX_DIM];
  ms_info info;
  for (uint32_t i = 0; i < 3; i++) {
    int slot = random_occupied(t, random, &info),
        status = slot < 0 ? 0 : ms_read_slot(t->memory, (uint32_t)slot, values);
    if (status) return status;
  }
  return ms_flush(t->memory);
}

static int look_back(word_target* t, uint64_t* random) {
  uint32_t oldest, newest, number;
  char name[MS_NAME_BYTES], other[MS_NAME_BYTES];
  ms_state state;
  int status = ms_history_range(t->memory, &oldest, &newest);
  if (status) return status;
  status = ms_history_find(t->memory, 1700000000u + (uint32_t)(sim_random(random) % 100000), &number);
  if (status && status != MS_E_NOT_FOUND) return status;
  status = ms_history_info(t->memory, newest, &state);
  if (!status)
    status = ms_diff(t->memory, oldest + (uint32_t)(sim_random(random) % (newest - oldest + 1)), newest);
  for (uint32_t i = 0; !status && i < t->config->slots; i++) {
    int differs = ms_diff_slot(t->memory, i, name, other);
    if (differs < 0) status = differs;
  }
  return status;
}

static int open_memory(word_target* t) {
  return ms_open(&t->memory, t->buffer, t->buffer_bytes, t->config, t->port, 0, NULL);
}

int word_do(word_target* t, word w, uint64_t random, word_result* r) {
  ms_info info;
  char name[MS_NAME_BYTES];
  memset(r, 0, sizeof *r);
  r->one_write = w != W_PRUNE && w != W_RESTORE && w != W_UNDO;
  /* a clock that is mostly right: it rises, is unknown, or is set back */
  uint32_t hour = (uint32_t)(sim_random(&random) % 8);
  if (w != W_CREATE)
    ms_set_time(t->memory,
                hour == 0 ? 0 : 1700000000u + t->states * 3600u - (hour == 1 ? 90000u : 0u) + hour);
  switch (w) {
    case W_CREATE:
      return open_memory(t);
    case W_TEACH:
    case W_SAME:
    case W_REPLACE:
    case W_UNSAVED:
      return teach(t, w, &random, r);
    case W_FORGET:
    case W_RENAME: {
      int slot = random_occupied(t, &random, &info);
      if (slot < 0) return MS_E_NOT_FOUND;
      if (w == W_FORGET) return ms_forget_slot(t->memory, (uint32_t)slot);
      snprintf(name, sizeof name, "named %08x", (uint32_t)sim_random(&random));
      float episode[MS_MAX_DIM], key[MS_MAX_DIM];
      word_episode(&random, t->config->dim, episode, key);
      return ms_rename_thing(t->memory, info.name, name, episode, 0);
    }
    case W_CONFIRM: {
      int slot = random_occupied(t, &random, &info);
      if (slot < 0) return MS_E_NOT_FOUND;
      return ms_confirm(t->memory, (uint32_t)slot, sim_random(&random) & 1 ? MS_RIGHT : MS_WRONG);
    }
    case W_LOOK:
      return look_back(t, &random);
    case W_PRUNE:
      return ms_prune(t->memory, 1.5f + (float)(sim_random(&random) % 3), NULL);
    case W_UNDO:
      return ms_undo(t->memory, 1 + (uint32_t)(sim_random(&random) % 3), NULL);
    case W_RESTORE:
      r->restored = t->states ? (uint32_t)(sim_random(&random) % t->states) : 0;
      return t->states ? ms_restore(t->memory, t->numbers[r->restored]) : MS_E_NOT_FOUND;
    case W_REOPEN: {
      int status = ms_close(t->memory);
      return status ? status : open_memory(t);
    }
    case W_READ:
      return read_and_flush(t, &random);
    default:
      return ms_verify(t->memory, NULL);
  }
}
