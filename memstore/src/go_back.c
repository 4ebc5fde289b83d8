/* Making a state of the past the memory's content: a write of its own, as one group of entries. The last one
 * makes all of them count; nothing else on the card is touched before it is there. */
#include "memory.h"

/* What this slot was then; `differs`: it is something else now. */
static const uint8_t* then(ms_memory* m, uint32_t slot, int* differs, int* status) {
  const uint8_t* entry = ms_entry_where(m, slot, m->log.at[MS_THEN][slot], status);
  *differs = entry &&
             ((m->flags[slot] & MS_UNSAVED) || !ms_same_record(&m->header.layout, entry, ms_record(m, slot)));
  return entry;
}

static int append(ms_memory* m, uint32_t slot, const uint8_t* entry, const ms_deed* deed) {
  const ms_layout* l = &m->header.layout;
  uint64_t sequence = m->clock + 1;
  if (sequence >= MS_SEQUENCE_LIMIT) return MS_E_CLOCK;
  memcpy(m->change.record, entry, l->record_bytes);
  memcpy(m->change.content, entry + l->record_bytes, l->slot_bytes);
  ms_put64(m->change.record + MS_R_SEQUENCE, sequence);
  ms_record_seal(l, m->header.identity, m->change.record);
  m->clock = sequence;
  ms_deed ours = *deed;
  memcpy(ours.name, ms_record(m, slot) + MS_R_NAME, MS_NAME_BYTES);
  return ms_log_append(m, m->change.record, m->change.content, &ours);
}

static int append_all(ms_memory* m, uint32_t last, uint8_t action) {
  ms_deed deed = {.action = action, .time = m->time};
  for (uint32_t slot = 0; slot <= last; slot++) {
    int status, differs;
    const uint8_t* entry = then(m, slot, &differs, &status);
    if (!entry) return status;
    deed.more = slot != last;
    if (differs) status = append(m, slot, entry, &deed);
    if (status) return status;
  }
  return MS_OK;
}

/* What the log has now is in RAM too. `sequence`, `position`: of the first entry of the group. */
static int adopt_all(ms_memory* m, uint32_t last, uint64_t sequence, uint32_t position) {
  const ms_layout* l = &m->header.layout;
  for (uint32_t slot = 0; slot <= last; slot++) {
    int status, differs;
    const uint8_t* entry = then(m, slot, &differs, &status);
    if (!entry) return status;
    if (!differs) continue;
    memcpy(m->change.record, entry, l->record_bytes);
    ms_put64(m->change.record + MS_R_SEQUENCE, sequence++);
    ms_record_seal(l, m->header.identity, m->change.record);
    ms_set_record(m, slot, m->change.record);
    ms_hot_drop(m, slot);
    m->flags[slot] = MS_BEHIND;
    m->log.at[MS_NOW][slot] = ++position;
  }
  for (uint32_t first = 0; first < l->slots; first += l->records_per_sector) {
    int status = ms_equalise(m, first, first + l->records_per_sector);
    if (status) return status;
  }
  return MS_OK;
}

int ms_go_back(ms_memory* m, uint32_t position, uint8_t action) {
  uint32_t last = MS_NONE;
  int status = ms_past_locate(m, position, MS_THEN);
  for (uint32_t slot = 0; !status && slot < m->config.slots; slot++) {
    int differs;
    if (then(m, slot, &differs, &status) && differs) last = slot;
  }
  if (status || last == MS_NONE) return status;
  uint64_t sequence = m->clock + 1;
  uint32_t end = m->log.end;
  m->metadata_stale = 1;
  m->unresolved = 1; /* what was written of an unfinished group does not count */
  status = append_all(m, last, action);
  m->unresolved = 1;
  if (status) return status;
  if (adopt_all(m, last, sequence, end)) return MS_OK; /* the card knows */
  m->unresolved = 0;
  return ms_commit_copies(m);
}
