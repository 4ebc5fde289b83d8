/* The write protocol: mirror sectors, barrier, primary sectors, barrier. docs/sd-format.md tells the state
 * after a cut at each step. */
#include "memory.h"

/* Slots that share the sector with the one being written: from the cache, else from the card, checked. */
static int fill_neighbours(ms_memory* m, uint32_t slot, uint8_t* data) {
  const ms_layout* l = &m->header.layout;
  uint32_t sector = slot / l->slots_per_sector, first = sector * l->slots_per_sector;
  int status[MS_COPIES] = {1, 1}; /* 1: not read yet */
  for (uint32_t i = 0; i < l->slots_per_sector && first + i < l->slots; i++) {
    uint32_t other = first + i;
    if (other == slot || !ms_occupied(m, other) || (m->flags[other] & MS_UNSAVED)) continue;
    size_t at = (size_t)i * l->slot_bytes;
    uint32_t crc = ms_get32(ms_record(m, other) + MS_R_SLOT_CRC);
    const uint8_t* hot = ms_hot_peek(m, other);
    if (hot && bm_crc32(0, hot, l->slot_bytes) == crc) {
      memcpy(data + at, hot, l->slot_bytes);
      continue;
    }
    int copy = MS_PRIMARY;
    for (; copy <= MS_MIRROR; copy++) {
      if (status[copy] == 1) status[copy] = ms_read_slot_sector(m, copy, sector, m->slots_read[copy]);
      if (!status[copy] && bm_crc32(0, m->slots_read[copy] + at, l->slot_bytes) == crc) break;
    }
    if (copy > MS_MIRROR) { /* lost since it was opened: keep the bytes, the next open or verify names it */
      for (copy = MS_PRIMARY; copy <= MS_MIRROR; copy++)
        if (status[copy]) return status[copy];
      copy = MS_PRIMARY;
    }
    memcpy(data + at, m->slots_read[copy] + at, l->slot_bytes);
  }
  return MS_OK;
}

/* The change and its neighbours as sectors, sealed with one sequence. */
static int build_sectors(ms_memory* m, ms_change* change, uint64_t sequence, uint8_t* index, uint8_t* slots) {
  const ms_layout* l = &m->header.layout;
  uint32_t slot = change->slot, first = slot / l->records_per_sector * l->records_per_sector;
  if (change->with_content) {
    memset(slots, 0, MS_SECTOR);
    int status = fill_neighbours(m, slot, slots);
    if (status) return status;
    memcpy(slots + (size_t)(slot % l->slots_per_sector) * l->slot_bytes, change->content, l->slot_bytes);
    ms_put32(change->record + MS_R_SLOT_CRC, bm_crc32(0, change->content, l->slot_bytes));
  }
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

static int write_both(ms_memory* m, const ms_change* change, const uint8_t* index, const uint8_t* slots) {
  const ms_layout* l = &m->header.layout;
  uint32_t slot = change->slot;
  for (int copy = MS_MIRROR; copy >= MS_PRIMARY; copy--) {
    int status =
        change->with_content ? ms_write_slot_sector(m, copy, slot / l->slots_per_sector, slots) : MS_OK;
    if (!status) status = ms_write_index_sector(m, copy, 1 + slot / l->records_per_sector, index);
    if (!status) status = ms_card_sync(m);
    if (status) return status;
  }
  return MS_OK;
}

/* What is on the card now is in RAM too. */
static void adopt(ms_memory* m, const ms_change* change, const uint8_t* index, uint64_t sequence) {
  const ms_layout* l = &m->header.layout;
  uint32_t slot = change->slot, first = slot / l->records_per_sector * l->records_per_sector;
  uint8_t* hot = NULL;
  if (change->with_content && change->record[MS_R_STATE] == MS_OCCUPIED) hot = ms_hot_take(m, slot);
  if (hot) memcpy(hot, change->content, l->slot_bytes);
  if (change->with_content && !hot) ms_hot_drop(m, slot);
  for (uint32_t i = 0; i < l->records_per_sector && first + i < l->slots; i++) {
    if (first + i != slot && (m->flags[first + i] & MS_UNSAVED)) {
      ms_stamp(m, first + i, sequence);
      continue;
    }
    ms_set_record(m, first + i, index + (size_t)i * l->record_bytes);
    m->flags[first + i] = 0;
  }
  m->clock = sequence;
  m->metadata_stale = 1;
}

int ms_commit(ms_memory* m, ms_change* change) {
  uint64_t sequence = m->clock + 1;
  if (sequence >= MS_SEQUENCE_LIMIT) return MS_E_CLOCK;
  int status = build_sectors(m, change, sequence, m->index_built, m->slots_built);
  if (status) return status;
  m->unresolved = 1;
  status = write_both(m, change, m->index_built, m->slots_built);
  if (status) return status;
  m->unresolved = 0;
  adopt(m, change, m->index_built, sequence);
  return MS_OK;
}

int ms_commit_header(ms_memory* m, uint32_t pending) {
  ms_header next = m->header;
  if (++next.sequence >= MS_SEQUENCE_LIMIT) return MS_E_CLOCK;
  next.pending = pending;
  ms_header_pack(&next, m->index_built);
  for (int copy = MS_MIRROR; copy >= MS_PRIMARY; copy--) {
    int status = ms_write_index_sector(m, copy, 0, m->index_built);
    if (!status) status = ms_card_sync(m);
    if (status) {
      m->unresolved = 1;
      return status;
    }
  }
  m->header = next;
  return MS_OK;
}

static int in_dirty_sector(const ms_memory* m, uint32_t slot) {
  uint32_t per_sector = m->header.layout.records_per_sector, first = slot / per_sector * per_sector;
  int dirty = 0;
  for (uint32_t i = first; i < first + per_sector && i < m->config.slots; i++)
    dirty |= m->flags[i] & MS_DIRTY;
  return dirty;
}

int ms_commit_counters(ms_memory* m) {
  const ms_layout* l = &m->header.layout;
  uint64_t sequence = m->clock + 1;
  int dirty = 0, status = MS_OK;
  if (sequence >= MS_SEQUENCE_LIMIT) return MS_OK; /* counters of a memory that can only be read any more */
  for (uint32_t slot = 0; !status && slot < l->slots; slot++) {
    if (!in_dirty_sector(m, slot)) continue;
    status = ms_stamp(m, slot, sequence);
    dirty = 1;
  }
  if (!dirty || status) return status;
  m->clock = sequence;
  m->metadata_stale = 1;
  m->unresolved = 1;
  for (int copy = MS_MIRROR; !status && copy >= MS_PRIMARY; copy--) {
    for (uint32_t slot = 0; !status && slot < l->slots; slot += l->records_per_sector) {
      if (!in_dirty_sector(m, slot)) continue;
      status = ms_build_index_sector(m, 1 + slot / l->records_per_sector, m->index_built);
      if (!status) status = ms_write_index_sector(m, copy, 1 + slot / l->records_per_sector, m->index_built);
    }
    if (!status) status = ms_card_sync(m);
  }
  if (status) return status;
  m->unresolved = 0;
  for (uint32_t slot = 0; slot < l->slots; slot++) m->flags[slot] &= (uint8_t)~MS_DIRTY;
  return MS_OK;
}
