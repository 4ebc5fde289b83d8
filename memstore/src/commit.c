/* The write protocol. A write is on the card when its entry of the log is, behind one barrier. Then the slots
 * file gets it too, without a barrier of its own: the next one, or the next opening, makes it whole. The
 * index and the mirror follow with the next flush. docs/sd-format.md tells the state after a cut at each
 * step. */
#include "memory.h"

/* The slots of one sector, as they are now, with what this copy has where nothing better can be read. */
static int build_slot_sector(ms_memory* m, int copy, uint32_t sector, uint8_t* data) {
  const ms_layout* l = &m->header.layout;
  uint32_t first = sector * l->slots_per_sector;
  memset(data, 0, MS_SECTOR);
  for (uint32_t i = 0; i < l->slots_per_sector && first + i < l->slots; i++) {
    uint32_t slot = first + i;
    uint8_t* bytes = data + (size_t)i * l->slot_bytes;
    if (!ms_occupied(m, slot) || (m->flags[slot] & MS_UNSAVED)) continue;
    int status = ms_slot_content(m, slot, bytes);
    if (!status) continue;
    if (status != MS_E_DAMAGED) return status;
    /* lost since it was opened: keep the bytes, the next open or verify names it */
    status = ms_read_slot_sector(m, copy, sector, m->slots_read[copy]);
    if (status) return status;
    memcpy(bytes, m->slots_read[copy] + (size_t)i * l->slot_bytes, l->slot_bytes);
  }
  return MS_OK;
}

/* The change and its neighbours as an index sector, sealed with one sequence. */
static int build_index_sector(ms_memory* m, ms_change* change, uint64_t sequence, uint8_t* index) {
  const ms_layout* l = &m->header.layout;
  uint32_t slot = change->slot, first = slot / l->records_per_sector * l->records_per_sector;
  ms_put32(change->record + MS_R_SLOT_CRC, bm_crc32(0, change->content, l->slot_bytes));
  ms_put64(change->record + MS_R_SEQUENCE, sequence);
  ms_record_seal(l, m->header.identity, change->record);
  int status = ms_build_index_sector(m, 1 + slot / l->records_per_sector, index);
  for (uint32_t i = 0; !status && i < l->records_per_sector && first + i < l->slots; i++) {
    uint8_t* out = index + (size_t)i * l->record_bytes;
    if (first + i == slot) {
      memcpy(out, change->record, l->record_bytes);
      continue;
    }
    ms_put64(out + MS_R_SEQUENCE, sequence); /* of the sector; a neighbour's new counters travel with it */
    if (!(m->flags[first + i] & MS_UNSAVED)) ms_put_access(m, first + i, out);
    ms_record_seal(l, m->header.identity, out);
  }
  return status;
}

/* What is in the log now is in RAM too, and newer than in both copies. */
static void adopt(ms_memory* m, const ms_change* change, const uint8_t* index, uint64_t sequence) {
  const ms_layout* l = &m->header.layout;
  uint32_t slot = change->slot, first = slot / l->records_per_sector * l->records_per_sector;
  uint8_t* hot = NULL;
  if (change->record[MS_R_STATE] == MS_OCCUPIED) hot = ms_hot_take(m, slot);
  if (hot)
    memcpy(hot, change->content, l->slot_bytes);
  else
    ms_hot_drop(m, slot);
  for (uint32_t i = 0; i < l->records_per_sector && first + i < l->slots; i++) {
    if (first + i != slot && (m->flags[first + i] & MS_UNSAVED)) {
      ms_stamp(m, first + i, sequence);
      continue;
    }
    ms_set_record(m, first + i, index + (size_t)i * l->record_bytes);
    m->flags[first + i] &= MS_BEHIND;
  }
  m->flags[slot] = MS_BEHIND;
  m->log.at[MS_NOW][slot] = m->log.end;
  m->clock = sequence;
  m->metadata_stale = 1;
}

/* What follows the barrier: the entry in a third place, and the slots file, unless the log has had its third
 * sector. That they cannot be written is no error of this write: the next flush tries again. */
static void write_through(ms_memory* m, uint32_t slot) {
  const ms_layout* l = &m->header.layout;
  uint32_t sector = slot / l->slots_per_sector, first = sector * l->slots_per_sector;
  if (m->config.lazy || ms_log_write_tail(m) || m->log.touched) return;
  if (build_slot_sector(m, MS_PRIMARY, sector, m->slots_built)) return;
  if (ms_write_slot_sector(m, MS_PRIMARY, sector, m->slots_built)) return;
  for (uint32_t i = first; i < first + l->slots_per_sector && i < l->slots; i++)
    m->flags[i] &= (uint8_t)~MS_BEHIND_SLOTS;
}

/* The first write to a card of version 1: until the header says 2, nothing that counts is in the log. */
int ms_commit_begin(ms_memory* m) {
  if (m->header.version > 1 && !m->log.missing) return MS_OK;
  m->unresolved = 1;
  int status = ms_log_begin(m, m->header.version == 1);
  ms_header next = m->header;
  next.version = MS_FORMAT_VERSION;
  if (!status) status = ms_commit_header(m, &next);
  if (!status) m->unresolved = 0;
  return status;
}

/* An entry has the whole slot, also where only its name changes. */
static int load_content(ms_memory* m, ms_change* change) {
  memset(change->content, 0, MS_SECTOR);
  return ms_slot_content(m, change->slot, change->content);
}

int ms_commit(ms_memory* m, ms_change* change) {
  int status = ms_commit_begin(m);
  uint64_t sequence = m->clock + 1;
  if (!status && sequence >= MS_SEQUENCE_LIMIT) return MS_E_CLOCK;
  if (!status && !change->with_content) status = load_content(m, change);
  if (!status) status = build_index_sector(m, change, sequence, m->index_built);
  if (!status) status = ms_log_append(m, change->record, change->content, &change->deed);
  if (status) {
    if (m->unresolved) m->clock = sequence; /* never used again */
    return status;
  }
  adopt(m, change, m->index_built, sequence);
  write_through(m, change->slot);
  return MS_OK;
}

static int any_flag(const ms_memory* m, uint32_t first, uint32_t count, uint8_t flags) {
  for (uint32_t i = first; i < first + count && i < m->config.slots; i++)
    if (m->flags[i] & flags) return 1;
  return 0;
}

static int commit_copy(ms_memory* m, int copy) {
  const ms_layout* l = &m->header.layout;
  uint8_t index = copy == MS_MIRROR ? MS_BEHIND_MIRROR : MS_BEHIND_INDEX;
  uint8_t slots = copy == MS_MIRROR ? MS_BEHIND_MIRROR : MS_BEHIND_SLOTS;
  int status = MS_OK;
  for (uint32_t slot = 0; !status && slot < l->slots; slot += l->records_per_sector) {
    if (!any_flag(m, slot, l->records_per_sector, MS_DIRTY | index)) continue;
    status = ms_build_index_sector(m, 1 + slot / l->records_per_sector, m->index_built);
    if (!status) status = ms_write_index_sector(m, copy, 1 + slot / l->records_per_sector, m->index_built);
  }
  for (uint32_t slot = 0; !status && slot < l->slots; slot += l->slots_per_sector) {
    if (!any_flag(m, slot, l->slots_per_sector, slots)) continue;
    status = build_slot_sector(m, copy, slot / l->slots_per_sector, m->slots_built);
    if (!status) status = ms_write_slot_sector(m, copy, slot / l->slots_per_sector, m->slots_built);
  }
  return status ? status : ms_card_sync(m);
}

/* Counters of now into the records that have newer ones, and their sectors' records with one sequence. */
static int stamp_counters(ms_memory* m) {
  const ms_layout* l = &m->header.layout;
  uint64_t sequence = m->clock + 1;
  if (!any_flag(m, 0, l->slots, MS_DIRTY) || sequence >= MS_SEQUENCE_LIMIT)
    return MS_OK; /* or counters of a memory that can only be read any more */
  for (uint32_t slot = 0; slot < l->slots; slot++) {
    uint32_t first = slot / l->records_per_sector * l->records_per_sector;
    if (!any_flag(m, first, l->records_per_sector, MS_DIRTY)) continue;
    int status = ms_stamp(m, slot, sequence);
    if (status) return status;
  }
  m->clock = sequence;
  m->metadata_stale = 1;
  return MS_OK;
}

int ms_commit_copies(ms_memory* m) {
  const uint8_t any = MS_DIRTY | MS_BEHIND;
  if (!any_flag(m, 0, m->config.slots, any) && !m->log.lag) return MS_OK;
  int status = stamp_counters(m);
  if (status) return status;
  m->unresolved = 1;
  status = ms_log_catch_up(m);
  for (int copy = MS_MIRROR; !status && copy >= MS_PRIMARY; copy--) status = commit_copy(m, copy);
  if (status) return status;
  m->unresolved = 0;
  m->log.lag = 0;
  for (uint32_t slot = 0; slot < m->config.slots; slot++) m->flags[slot] &= MS_UNSAVED;
  return MS_OK;
}
