#include <string.h>

#include "lab.h"

static const char* open_probe(lab* l, const ms_port* port, ms_report* report) {
  int status = ms_open(&l->probe, l->probe_buffer, l->buffer_bytes, &l->config, port, 0, report);
  return status ? ms_strerror(status) : NULL;
}

/* Everything but the slot that the next write took is as it was, and that one is what was taught. */
static const char* check_next_write(lab* l, sim_card* card, const ms_port* port, const lab_state* found) {
  float episode[MS_MAX_DIM], key[MS_MAX_DIM], values[MS_MAX_DIM];
  uint64_t random = found->slot[0] + 99;
  lab_state then, again;
  ms_teach_result result;
  ms_report report;
  lab_episode(&random, l->config.dim, episode, key);
  if (ms_teach(l->probe, "the next one", episode, key, 1.0f, 0, &result)) return "the next write fails";
  lab_read_state(l->probe, &l->config, &then);
  for (uint32_t i = 0; i < l->config.slots; i++)
    if (i != result.slot && then.slot[i] != found->slot[i]) return "the next write changed another slot";
  if (random % 16 == 0 && ms_close(l->probe)) return "closing fails";
  card->logging = 0;
  const char* wrong = open_probe(l, port, &report);
  if (wrong) return wrong;
  if (report.kept != MS_STATE_CLEAN || report.lost) return "not clean after the next write";
  lab_read_state(l->probe, &l->config, &again);
  if (!lab_same(l, &then, &again)) return "the next write is not what was written";
  if (l->config.slot_dtype == MS_FP16 && (ms_read_slot(l->probe, result.slot, values) ||
                                          memcmp(values, episode, l->config.dim * sizeof *values)))
    return "the next write's slot holds something else";
  return NULL;
}

static const char* check_history(lab* l) {
  uint32_t count = 0, taking = !strcmp(l->what, "snapshot");
  if (!l->history && !taking) return NULL;
  if (ms_history_count(l->probe, &count)) return "the history cannot be counted";
  if (count != l->history && !(taking && count == l->history + 1)) return "states of the history are lost";
  for (uint32_t i = 0; i < count; i++) {
    ms_state state;
    if (ms_history_info(l->probe, i, &state) || !state.valid || state.number != i)
      return "a state is damaged";
  }
  return NULL;
}

const char* lab_check(lab* l, sim_card* card, const ms_port* port, lab_kind kind, int must_be_new) {
  ms_report report;
  lab_state found;
  const char* wrong = open_probe(l, port, &report);
  if (wrong) return wrong;
  lab_read_state(l->probe, &l->config, &found);
  int is_old = lab_same(l, &found, &l->before), is_new = lab_same(l, &found, &l->after);
  if (report.lost) return "slots are lost";
  if (!is_old && !is_new) return "neither the old nor the new state";
  if (must_be_new && !is_new) return "a finished write is gone";
  if (kind <= AFTER_REGION && !report.restore_finished && strncmp(l->what, "restore", 7)) {
    if (report.kept == MS_STATE_NEW_KEPT && !is_new) return "said new, is old";
    if (report.kept == MS_STATE_OLD_KEPT && !is_old) return "said old, is new";
    /* a flush writes several sectors at once: each is old or new by itself, and only counters differ */
    if (report.kept == MS_STATE_MERGED && !lab_same(l, &l->before, &l->after))
      return "one cut damaged both copies";
  }
  if (kind == AFTER_CUT) wrong = check_history(l);
  return wrong ? wrong : check_next_write(l, card, port, &found);
}
