#include "promise.h"

#include <string.h>

#include "words.h"

static uint64_t digest(uint64_t hash, const void* data, size_t bytes) {
  const uint8_t* p = data;
  for (; bytes >= 8; bytes -= 8, p += 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    hash = (hash ^ word) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 33;
  }
  while (bytes--) hash = (hash ^ *p++) * 0x100000001b3u;
  return hash;
}

void lab_read_state(ms_memory* m, const ms_config* config, lab_state* state) {
  for (uint32_t i = 0; i < config->slots; i++) {
    ms_info info;
    float values[MS_MAX_DIM];
    state->slot[i] = 0;
    if (ms_slot_info(m, i, &info) || !info.occupied || !info.saved) continue;
    state->slot[i] = 1; /* unreadable */
    if (ms_read_slot(m, i, values)) continue;
    uint64_t hash = digest(0xcbf29ce484222325u, info.name, strlen(info.name));
    hash = digest(hash, &info.writes, sizeof info.writes);
    hash = digest(hash, &info.importance, sizeof info.importance);
    hash = digest(hash, &info.time, sizeof info.time);
    hash = digest(hash, &info.key_scale, sizeof info.key_scale);
    hash = digest(hash, info.key, config->dim);
    state->slot[i] = digest(hash, values, config->dim * sizeof *values) | 2;
  }
}

int lab_same(const ms_config* config, const lab_state* a, const lab_state* b) {
  return !memcmp(a->slot, b->slot, config->slots * sizeof *a->slot);
}

static int open_probe(lab_probe* p, const ms_port* port, ms_report* report) {
  return ms_open(&p->memory, p->buffer, p->buffer_bytes, p->config, port, 0, report);
}

/* A word of several writes goes through the slots in their order. */
static int is_between(const lab_promise* promise, const ms_config* config, const lab_state* found) {
  uint32_t i = 0;
  while (i < config->slots && found->slot[i] == promise->may[1]->slot[i]) i++;
  while (i < config->slots && found->slot[i] == promise->may[0]->slot[i]) i++;
  return i == config->slots;
}

/* Each slot is what it may be, or is gone and was said to be. */
static const char* check_losses(const lab_promise* promise, const ms_config* config, const lab_state* found,
                                const ms_report* report) {
  for (uint32_t i = 0; i < config->slots; i++) {
    int known = 0, said = report->lost > 16;
    for (uint32_t j = 0; j < promise->count; j++) known |= found->slot[i] == promise->may[j]->slot[i];
    for (uint32_t j = 0; j < report->lost && j < 16; j++) said |= report->lost_slots[j] == (int32_t)i;
    if (known) continue;
    if (found->slot[i]) return "a damaged slot is believed";
    if (!said && !promise->zeros) return "a slot is gone and nothing says so";
  }
  return NULL;
}

static const char* check_state(const lab_promise* promise, const ms_config* config, const lab_state* found,
                               const ms_report* report) {
  int same[4] = {0}, any = 0;
  for (uint32_t i = 0; i < promise->count; i++) any |= same[i] = lab_same(config, found, promise->may[i]);
  if (promise->may_lose) return check_losses(promise, config, found, report);
  if (report->lost && !promise->is_lost) return "slots are lost";
  if (!any && !(promise->between && is_between(promise, config, found)))
    return promise->count == 1 ? "a finished write is gone" : "neither the old nor the new state";
  if (!promise->says || promise->between || report->restore_finished) return NULL;
  if (report->kept == MS_STATE_NEW_KEPT && !same[promise->count - 1]) return "said new, is old";
  if (report->kept == MS_STATE_OLD_KEPT && !same[0]) return "said old, is new";
  /* a flush writes several sectors at once: each is old or new by itself, and only counters differ */
  if (report->kept == MS_STATE_MERGED && !lab_same(config, promise->may[0], promise->may[promise->count - 1]))
    return "one cut damaged both copies";
  return NULL;
}

static const char* check_history(lab_probe* p, const lab_promise* promise, uint32_t thorough) {
  uint32_t count = 0;
  if (!promise->states_most) return NULL;
  if (ms_history_count(p->memory, &count)) return "the history cannot be counted";
  if (count > promise->states_most) return "the history has states that were never taken";
  if (count < promise->states_least && !promise->states_may_break) return "states of the history are lost";
  for (uint32_t i = thorough % 4 && count ? count - 1 : 0; i < count; i++) {
    ms_state state;
    if (ms_history_info(p->memory, i, &state) || state.number != i) return "a state cannot be looked at";
    if (!state.valid && !promise->states_may_break) return "a state is damaged";
  }
  return NULL;
}

/* An archived state, restored, is what it was when it was taken. */
static const char* check_restore(lab_probe* p, const lab_promise* promise, uint32_t thorough) {
  uint32_t count = 0;
  ms_state state;
  lab_state found;
  if (ms_history_count(p->memory, &count) || !count) return NULL;
  uint32_t number = thorough / 16 % count;
  if (ms_history_info(p->memory, number, &state) || !state.valid) return NULL;
  if (ms_restore(p->memory, number)) return "a valid state cannot be restored";
  lab_read_state(p->memory, p->config, &found);
  return lab_same(p->config, &found, &promise->states[number]) ? NULL : "a restored state is not what it was";
}

/* Everything but the slot that the next write took is as it was, and that one is what was taught. */
static const char* check_next_write(lab_probe* p, sim_card* card, const ms_port* port, const lab_state* found,
                                    uint32_t thorough) {
  float episode[MS_MAX_DIM], key[MS_MAX_DIM], values[MS_MAX_DIM];
  uint64_t random = found->slot[0] + 99;
  lab_state then, again;
  ms_teach_result result;
  ms_report report;
  word_episode(&random, p->config->dim, episode, key);
  if (ms_teach(p->memory, "the next one", episode, key, 4.0f, 0, &result)) return "the next write fails";
  lab_read_state(p->memory, p->config, &then);
  for (uint32_t i = 0; i < p->config->slots; i++)
    if (i != result.slot && then.slot[i] != found->slot[i]) return "the next write changed another slot";
  if (thorough % 8 == 0 && ms_close(p->memory)) return "closing fails";
  card->logging = 0;
  int status = open_probe(p, port, &report);
  if (status) return ms_strerror(status);
  if (report.kept != MS_STATE_CLEAN) return "not clean after the next write";
  lab_read_state(p->memory, p->config, &again);
  if (!lab_same(p->config, &then, &again)) return "the next write is not what was written";
  if (p->config->slot_dtype == MS_FP16 && (ms_read_slot(p->memory, result.slot, values) ||
                                           memcmp(values, episode, p->config->dim * sizeof *values)))
    return "the next write's slot holds something else";
  return NULL;
}

const char* lab_check(lab_probe* p, sim_card* card, const ms_port* port, const lab_promise* promise,
                      uint32_t thorough) {
  ms_report report;
  ms_stats stats;
  lab_state found;
  int status = open_probe(p, port, &report);
  if (status && promise->may_refuse)
    return status == MS_E_IO || status == MS_E_ARGUMENT ? ms_strerror(status) : NULL;
  if (status) return ms_strerror(status);
  ms_get_stats(p->memory, &stats);
  lab_read_state(p->memory, p->config, &found);
  const char* wrong = check_state(promise, p->config, &found, &report);
  if (!wrong && stats.clock < promise->clock && !promise->may_lose) wrong = "the clock went back";
  if (!wrong) wrong = check_history(p, promise, thorough);
  if (!wrong) wrong = check_next_write(p, card, port, &found, thorough);
  if (!wrong && thorough % 16 == 1) wrong = check_restore(p, promise, thorough);
  return wrong;
}
