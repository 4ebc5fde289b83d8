/* The write protocol: mirror sectors, barrier, primary sectors, barrier. docs/sd-format.md tells the state
 * after a cut at each step. */
#include "memory.h"

/* Slots that share the sector with the one being written: from the cache, else from the card, checked. */
static int fill_neighbours(ms_memory* m, uint32_t slot, uint8_t* data) {
  const ms_layout* l = &m->header.layout;
  uint32_t sector = slot / l->slots_per_sector, first = sector * l->slots_per_sector;
  int status[2] = {1, 1}; /* 1: not read yet */
  for (uint32_t i = 0; i < l->slots_per_sector && first + i < l->slots; i++) {
    uint32_t other = first + i;
    if (other == slot || !ms_occupied(m, other) || (m->flags[other] & MS_UNSAVED)) continue;
    size_t at = (size_t)i * l->slot_bytes;
    if (m->hot_of[other] != MS_NONE) { /* not an access: the LRU order stays */
      memcpy(data + at, m->hot_data + (size_t)m->hot_of[other] * l->slot_bytes, l->slot_bytes);
      continue;
    }
    uint32_t crc = ms_get32(ms_record(m, other) + MS_R_SLOT_CRC);
    int copy = MS_PRIMARY;
    for (; copy <= MS_MIRROR; copy++) {
      if (status[copy] == 1) status[copy] = ms_read_slot_sector(m, copy, sector, m->scratch[2 + copy]);
      if (!status[copy] && bm_crc32(0, m->scratch[2 + copy] + at, l->slot_bytes) == crc) break;
    }
    if (copy > MS_MIRROR) { /* lost since it was opened: keep the bytes, the next open or verify names it */
      for (copy = MS_PRIMARY; copy <= MS_MIRROR; copy++)
        if (status[copy]) return status[copy];
      copy = MS_PRIMARY;
    }
    memcpy(data + at, m->scratch[2 + copy] + at, l->slot_bytes);
  }
  return MS_OK;
}

static int write_both(ms_memory* m, uint32_t slot, int with_slot) {
  const ms_layout* l = &m->header.layout;
  uint32_t index_sector = 1 + slot / l->records_per_sector, slot_sector = slot / l->slots_per_sector;
  for (int copy = MS_MIRROR; copy >= MS_PRIMARY; copy--) {
    int status = with_slot ? ms_write_slot_sector(m, copy, slot_sector, m->scratch[2]) : MS_OK;
    if (!status) status = ms_write_index_sector(m, copy, index_sector, m->scratch[0]);
    if (!status) status = ms_card_sync(m);
    if (status) return status;
  }
  return MS_OK;
}

int ms_writable(ms_memory* m) {
  if (!m->port) return MS_OK;
  if (m->read_only) return MS_E_READ_ONLY;
  return m->unresolved ? ms_resolve(m) : MS_OK;
}

int ms_commit(ms_memory* m, uint32_t slot, int with_slot) {
  const ms_layout* l = &m->header.layout;
  const uint8_t* identity = m->header.identity;
  uint64_t sequence = m->clock + 1;
  uint32_t first = slot / l->records_per_sector * l->records_per_sector;
  uint8_t* record = m->new_record;

  if (with_slot) {
    memset(m->scratch[1], 0, MS_SECTOR); /* assembled here: filling reads into scratch 2 and 3 */
    int status = fill_neighbours(m, slot, m->scratch[1]);
    if (status) return status;
    memcpy(m->scratch[1] + (size_t)(slot % l->slots_per_sector) * l->slot_bytes, m->new_slot, l->slot_bytes);
    memcpy(m->scratch[2], m->scratch[1], MS_SECTOR);
    ms_put32(record + MS_R_SLOT_CRC, bm_crc32(0, m->new_slot, l->slot_bytes));
  }
  ms_put64(record + MS_R_SEQUENCE, sequence);
  ms_record_seal(l, identity, record);
  ms_build_index_sector(m, 1 + slot / l->records_per_sector, m->scratch[0]);
  for (uint32_t i = 0; i < l->records_per_sector && first + i < l->slots; i++) {
    uint8_t* out = m->scratch[0] + (size_t)i * l->record_bytes;
    if (first + i == slot) memcpy(out, record, l->record_bytes);
    ms_put64(out + MS_R_SEQUENCE, sequence); /* of the sector; a neighbour's new counters travel with it */
    ms_record_seal(l, identity, out);
  }

  int status = write_both(m, slot, with_slot);
  if (status) {
    /* old or new? the card knows: read it all again, repair what the failed write left */
    m->unresolved = 1;
    if (ms_resolve(m) || ms_get64(ms_record(m, slot) + MS_R_SEQUENCE) != sequence) return status;
    ms_hot_drop(m, slot);
  } else {
    uint8_t* bytes = with_slot && record[MS_R_STATE] == MS_OCCUPIED ? ms_hot_take(m, slot) : NULL;
    if (bytes) memcpy(bytes, m->new_slot, l->slot_bytes);
    if (with_slot && !bytes) ms_hot_drop(m, slot);
    for (uint32_t i = 0; i < l->records_per_sector && first + i < l->slots; i++) {
      if (first + i != slot && (m->flags[first + i] & MS_UNSAVED)) {
        ms_put64(ms_record(m, first + i) + MS_R_SEQUENCE, sequence);
        continue;
      }
      memcpy(ms_record(m, first + i), m->scratch[0] + (size_t)i * l->record_bytes, l->record_bytes);
      m->flags[first + i] = 0;
    }
  }
  if (sequence > m->clock) m->clock = sequence;
  m->metadata_stale = 1;
  return MS_OK;
}

int ms_commit_header(ms_memory* m, uint32_t pending) {
  ms_header next = m->header;
  next.sequence++;
  next.pending = pending;
  ms_header_pack(&next, m->scratch[0]);
  for (int copy = MS_MIRROR; copy >= MS_PRIMARY; copy--) {
    int status = ms_write_index_sector(m, copy, 0, m->scratch[0]);
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

int ms_flush(ms_memory* m) {
  if (!m) return MS_E_ARGUMENT;
  if (!m->port || m->read_only) return MS_OK;
  int status = ms_writable(m);
  if (status) return status;
  const ms_layout* l = &m->header.layout;
  uint64_t sequence = m->clock + 1;
  int dirty = 0;
  for (uint32_t slot = 0; slot < l->slots; slot++) {
    if (!in_dirty_sector(m, slot)) continue;
    ms_stamp(m, slot, sequence);
    dirty = 1;
  }
  if (dirty) {
    m->clock = sequence;
    m->metadata_stale = 1;
  }
  for (int copy = MS_MIRROR; dirty && !status && copy >= MS_PRIMARY; copy--) {
    for (uint32_t slot = 0; !status && slot < l->slots; slot += l->records_per_sector) {
      if (!in_dirty_sector(m, slot)) continue;
      ms_build_index_sector(m, 1 + slot / l->records_per_sector, m->scratch[0]);
      status = ms_write_index_sector(m, copy, 1 + slot / l->records_per_sector, m->scratch[0]);
    }
    if (!status) status = ms_card_sync(m);
  }
  if (status) {
    ms_resolve(m);
    return status;
  }
  for (uint32_t slot = 0; slot < l->slots; slot++) m->flags[slot] &= (uint8_t)~MS_DIRTY;
  return m->metadata_stale ? ms_metadata_write(m, NULL) : MS_OK;
}
