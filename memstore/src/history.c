/* The history's words: which states there are, what each write did, and going back. */
#include "memory.h"

/* MS_OK: there is a log, and its end is known. */
static int ready(ms_memory* m) {
  if (!m->port) return MS_E_NO_CARD;
  if (m->unresolved && !m->read_only) {
    int status = ms_resolve(m);
    if (status) return status;
  }
  return m->header.version > 1 && !m->log.missing ? MS_OK : MS_E_NOT_FOUND;
}

static uint32_t number_of(const ms_memory* m, uint32_t position) { return position - m->header.base; }

static int position_of(const ms_memory* m, uint32_t number, uint32_t* position) {
  if (number >= MS_POSITIONS || number > m->log.end - 1 - m->header.base) return MS_E_NOT_FOUND;
  *position = m->header.base + number;
  return *position < ms_log_first_state(m) ? MS_E_NOT_FOUND : MS_OK;
}

int ms_history_range(ms_memory* m, uint32_t* oldest, uint32_t* newest) {
  if (!m || !oldest || !newest) return MS_E_ARGUMENT;
  int status = ready(m);
  *oldest = *newest = 0;
  if (status) return status;
  *oldest = number_of(m, ms_log_first_state(m));
  *newest = number_of(m, m->log.end - 1);
  return MS_OK;
}

int ms_history_info(ms_memory* m, uint32_t number, ms_state* state) {
  if (!m || !state) return MS_E_ARGUMENT;
  ms_deed deed;
  uint32_t position = 0;
  memset(state, 0, sizeof *state);
  int status = ready(m);
  if (!status) status = position_of(m, number, &position);
  if (status) return status;
  ms_past_state(m, &position, &deed);
  state->number = number_of(m, position);
  state->action = deed.action;
  if (!deed.action) return MS_OK;
  state->time = deed.time;
  state->slot = ms_get16(m->log.read[0] + MS_R_SLOT);
  state->clock = ms_get64(m->log.read[0] + MS_R_SEQUENCE);
  memcpy(state->name, deed.name, MS_NAME_BYTES);
  return MS_OK;
}

int ms_history_find(ms_memory* m, uint32_t unix_seconds, uint32_t* number) {
  if (!m || !number) return MS_E_ARGUMENT;
  uint32_t position = 0;
  int status = ready(m);
  if (!status) status = ms_past_find(m, unix_seconds, &position);
  if (!status) *number = number_of(m, position);
  return status;
}

static int go_back(ms_memory* m, uint32_t position, uint8_t action) {
  int status = ms_go_back(m, position, action);
  int read = m->unresolved ? ms_resolve(m) : MS_OK;
  return status ? status : read;
}

static int go_to_number(ms_memory* m, uint32_t number, uint8_t action) {
  uint32_t position = 0, asked;
  ms_deed deed;
  int status = ms_writable(m);
  if (!status) status = ready(m);
  if (!status) status = position_of(m, number, &position);
  if (status) return status;
  asked = position;
  ms_past_state(m, &position, &deed);
  if (position != asked) return MS_E_NOT_FOUND; /* in the middle of a restore, or damaged */
  return go_back(m, position, action);
}

int ms_restore(ms_memory* m, uint32_t number) {
  return m ? go_to_number(m, number, MS_WRITE_RESTORED) : MS_E_ARGUMENT;
}

int ms_undo(ms_memory* m, uint32_t writes, uint32_t* number) {
  if (!m || !writes) return MS_E_ARGUMENT;
  ms_deed deed;
  int status = ms_writable(m);
  if (!status) status = ready(m);
  if (status) return status;
  uint32_t position = m->log.end - 1, first = ms_log_first_state(m);
  for (; writes; writes--) {
    if (position <= first) return MS_E_NOT_FOUND;
    position--;
    ms_past_state(m, &position, &deed);
  }
  if (number) *number = number_of(m, position);
  return go_back(m, position, MS_WRITE_UNDONE);
}

int ms_diff(ms_memory* m, uint32_t number, uint32_t other) {
  if (!m) return MS_E_ARGUMENT;
  uint32_t position = 0;
  int status = ready(m);
  if (!status) status = position_of(m, number, &position);
  if (!status) status = ms_past_locate(m, position, MS_THEN);
  if (!status) status = position_of(m, other, &position);
  return status ? status : ms_past_locate(m, position, MS_OTHER);
}

int ms_diff_slot(ms_memory* m, uint32_t slot, char name[MS_NAME_BYTES], char other[MS_NAME_BYTES]) {
  if (!m || slot >= m->config.slots || !name || !other) return MS_E_ARGUMENT;
  const ms_layout* l = &m->header.layout;
  int status = ready(m);
  if (status) return status;
  name[0] = other[0] = 0;
  if (m->log.at[MS_THEN][slot] == m->log.at[MS_OTHER][slot]) return 0;
  const uint8_t* entry = ms_entry_where(m, slot, m->log.at[MS_THEN][slot], &status);
  if (!entry) return status;
  memcpy(m->change.record, entry, l->record_bytes);
  entry = ms_entry_where(m, slot, m->log.at[MS_OTHER][slot], &status);
  if (!entry) return status;
  memcpy(name, m->change.record + MS_R_NAME, MS_NAME_BYTES);
  memcpy(other, entry + MS_R_NAME, MS_NAME_BYTES);
  return !ms_same_record(l, m->change.record, entry);
}

uint64_t ms_history_capacity(const ms_config* config, uint64_t bytes) {
  ms_layout l;
  if (!config || ms_layout_of(&l, config->slots, config->dim, config->slot_dtype)) return 0;
  uint32_t blocks = ms_log_file_blocks(config, &l);
  uint64_t files =
      bytes / ms_log_file_bytes(&l, blocks); /* of the first one, the first block is a keyframe */
  return files ? files * blocks * l.block_entries - l.block_entries : 0;
}
