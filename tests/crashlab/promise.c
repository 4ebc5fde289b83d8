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
    /* where the history's end is damaged in all places, what is left of it may be older, and nothing can say
     * so */
    for (uint32_t j = 0; promise->may_refuse && j < promise->known; j++)
      known |= found->slot[i] == promise->states[j].slot[i];
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
  if (!promise->says || promise->between ||
      lab_same(config, promise->may[0], promise->may[promise->count - 1]))
    return NULL;
  /* it says which one it is: the number of the newest state */
  if (same[0] && report->state != promise->number[0]) return "is old, says another number";
  if (same[promise->count - 1] && report->state != promise->number[1]) return "is new, says another number";
  return NULL;
}

/* Every known state that is still kept can be looked at. */
static const char* check_history(lab_probe* p, const lab_promise* promise, uint32_t thorough) {
  uint32_t oldest, newest;
  if (ms_history_range(p->memory, &oldest, &newest)) return "the history has no range";
  if (promise->states_may_break) return NULL;
  if (promise->known && newest < promise->numbers[promise->known - 1])
    return "states of the history are lost";
  for (uint32_t i = thorough % 4 && promise->known ? promise->known - 1 : 0; i < promise->known; i++) {
    ms_state state;
    if (promise->numbers[i] < oldest) continue;
    if (ms_history_info(p->memory, promise->numbers[i], &state)) return "a state cannot be looked at";
    if (state.number != promise->numbers[i]) return "a state is gone";
  }
  return NULL;
}

/* A state of the history, restored, is what it was when it was written. */
static const char* check_restore(lab_probe* p, const lab_promise* promise, uint32_t thorough) {
  uint32_t oldest, newest;
  lab_state found;
  if (!promise->known || ms_history_range(p->memory, &oldest, &newest)) return NULL;
  uint32_t i = thorough / 16 % promise->known;
  if (promise->numbers[i] < oldest) return NULL;
  int status = ms_restore(p->memory, promise->numbers[i]);
  if (status == MS_E_NOT_FOUND && !ms_history_range(p->memory, &oldest, &newest) &&
      promise->numbers[i] < oldest)
    return NULL; /* what it needed room for has taken it */
  if (status) return promise->states_may_break ? NULL : "a state cannot be restored";
  lab_read_state(p->memory, p->config, &found);
  return lab_same(p->config, &found, &promise->states[i]) ? NULL : "a restored state is not what it was";
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
  if (!wrong && thorough % 16 == 1 && !promise->may_lose) wrong = check_restore(p, promise, thorough);
  return wrong;
}
