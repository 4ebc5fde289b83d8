/* The hot cache: the least recently used slot makes room; writes go through to the card. */
#include "memory.h"

const uint8_t* ms_hot_peek(const ms_memory* m, uint32_t slot) {
  uint32_t entry = m->hot_of[slot];
  return entry == MS_NONE ? NULL : m->hot_data + (size_t)entry * m->header.layout.slot_bytes;
}

uint8_t* ms_hot_find(ms_memory* m, uint32_t slot) {
  uint32_t entry = m->hot_of[slot];
  if (entry == MS_NONE) return NULL;
  m->hot[entry].tick = ++m->tick;
  return m->hot_data + (size_t)entry * m->header.layout.slot_bytes;
}

uint8_t* ms_hot_take(ms_memory* m, uint32_t slot) {
  uint8_t* found = ms_hot_find(m, slot);
  if (found) return found;
  uint32_t oldest = MS_NONE;
  for (uint32_t i = 0; i < m->config.hot; i++) {
    uint32_t held = m->hot[i].slot;
    if (held != MS_NONE && (m->flags[held] & MS_UNSAVED)) continue; /* its only copy */
    if (oldest == MS_NONE || m->hot[i].tick < m->hot[oldest].tick) oldest = i;
  }
  if (oldest == MS_NONE) return NULL;
  if (m->hot[oldest].slot != MS_NONE) m->hot_of[m->hot[oldest].slot] = MS_NONE;
  m->hot[oldest].slot = slot;
  m->hot[oldest].tick = ++m->tick;
  m->hot_of[slot] = oldest;
  return m->hot_data + (size_t)oldest * m->header.layout.slot_bytes;
}

void ms_hot_drop(ms_memory* m, uint32_t slot) {
  uint32_t entry = m->hot_of[slot];
  if (entry == MS_NONE) return;
  m->hot[entry].slot = MS_NONE;
  m->hot[entry].tick = 0;
  m->hot_of[slot] = MS_NONE;
}

int ms_slot_content(ms_memory* m, uint32_t slot, uint8_t* bytes) {
  const uint8_t* hot = ms_hot_peek(m, slot);
  uint32_t count = m->header.layout.slot_bytes;
  if (!hot || bm_crc32(0, hot, count) != ms_get32(ms_record(m, slot) + MS_R_SLOT_CRC))
    return ms_load_slot(m, slot, bytes);
  memcpy(bytes, hot, count);
  return MS_OK;
}

/* The slot's bytes of this CRC from its entry, from the newest two keyframes, or from the third place. */
static int in_log(ms_memory* m, uint32_t slot, uint32_t crc, uint8_t* bytes) {
  const ms_layout* l = &m->header.layout;
  if (m->header.version < 2 || m->log.missing) return 0;
  uint32_t next = (m->log.end - 1) / l->block_entries + 1; /* the block whose keyframe is being written */
  const uint32_t places[4] = {m->log.at[MS_NOW][slot], MS_KEYFRAME | next,
                              next > 1 ? MS_KEYFRAME | (next - 1) : 0};
  for (uint32_t i = 0; i < 4; i++) {
    int status;
    const uint8_t* entry = i < 3                      ? ms_entry_where(m, slot, places[i], &status)
                           : m->log.tail_slot == slot ? m->log.tail
                                                      : NULL;
    if (!entry || ms_get32(entry + MS_R_SLOT_CRC) != crc) continue;
    memcpy(bytes, entry + l->record_bytes, l->slot_bytes);
    return 1;
  }
  return 0;
}

int ms_load_slot(ms_memory* m, uint32_t slot, uint8_t* bytes) {
  const ms_layout* l = &m->header.layout;
  uint32_t sector = slot / l->slots_per_sector, at = slot % l->slots_per_sector * l->slot_bytes;
  uint32_t crc = ms_get32(ms_record(m, slot) + MS_R_SLOT_CRC);
  int error = MS_E_DAMAGED;
  for (int copy = MS_PRIMARY; copy <= MS_MIRROR; copy++) {
    if (m->flags[slot] & (copy == MS_MIRROR ? MS_BEHIND_MIRROR : MS_BEHIND_SLOTS)) continue;
    int status = ms_read_slot_sector(m, copy, sector, m->slots_read[copy]);
    if (status) {
      error = status;
    } else if (bm_crc32(0, m->slots_read[copy] + at, l->slot_bytes) == crc) {
      memcpy(bytes, m->slots_read[copy] + at, l->slot_bytes);
      m->stats.corrected += copy == MS_MIRROR;
      return MS_OK;
    }
  }
  return in_log(m, slot, crc, bytes) ? MS_OK : error;
}
