/* States of the past: which there are, what was in each slot, and which was the last one at a time. */
#include "memory.h"

#define OLDER_BLOCKS 8u /* that are looked at where a keyframe is damaged */

void ms_past_state(ms_memory* m, uint32_t* position, ms_deed* deed) {
  uint32_t first = ms_log_first_state(m);
  for (; *position > first; --*position) {
    int status;
    if (ms_entry_at(m, *position, deed, &status) && !deed->more) return;
  }
  memset(deed, 0, sizeof *deed); /* what is older is gone, or never was: it has keyframes only */
}

/* The newest entry of each slot that has none yet, from `last` down to `first`; *hole: 1 + the last place
 * that has none at all. */
static void newest_entries(ms_memory* m, uint32_t first, uint32_t last, uint32_t* at, uint32_t* hole) {
  uint64_t sequence = MS_SEQUENCE_LIMIT;
  for (uint32_t p = last; p + 1 > first; p--) {
    int status;
    const uint8_t* entry = ms_entry_at(m, p, NULL, &status);
    if (entry && ms_get64(entry + MS_R_SEQUENCE) < sequence) {
      sequence = ms_get64(entry + MS_R_SEQUENCE);
      uint32_t* where = &at[ms_get16(entry + MS_R_SLOT)];
      if (!*where) *where = p + 1;
    } else if (p >= *hole) {
      *hole = p + 1;
    }
    if (!p) break;
  }
}

/* Slots that nothing is known of after their keyframes were looked at. */
static uint32_t fill_from_keyframes(ms_memory* m, uint32_t block, uint32_t* at) {
  uint32_t missing = 0;
  for (uint32_t slot = 0; slot < m->config.slots; slot++) {
    int status;
    if (!at[slot] && ms_keyframe_of(m, block, slot, &status)) at[slot] = MS_KEYFRAME | block;
    missing += !at[slot];
  }
  return missing;
}

/* Is everything that is known of the slots newer than the entry that is lost? */
static int is_newer(const ms_memory* m, const uint32_t* at, uint32_t hole) {
  const ms_layout* l = &m->header.layout;
  for (uint32_t slot = 0; slot < l->slots; slot++) {
    uint32_t block = at[slot] & ~MS_KEYFRAME;
    uint32_t position =
        at[slot] & MS_KEYFRAME ? (block - 1) * l->block_entries + ms_keyframe_place(l, slot) : block - 1;
    if (position < hole) return 0;
  }
  return 1;
}

int ms_past_locate(ms_memory* m, uint32_t position, int which) {
  uint32_t entries = m->header.layout.block_entries, oldest = ms_log_first_block(m);
  uint32_t block = (position + 1) / entries, *at = m->log.at[which], missing = 1, hole = 0;
  memset(at, 0, m->config.slots * sizeof *at);
  if (position >= block * entries) newest_entries(m, block * entries, position, at, &hole);
  for (uint32_t i = 0; missing && i < OLDER_BLOCKS && block > oldest; i++, block--) {
    int begins = !ms_block_read(m, block - 1, m->slots_built) && ms_block_begins(m->slots_built);
    if (!begins) newest_entries(m, (block - 1) * entries, block * entries - 1, at, &hole);
    missing = fill_from_keyframes(m, block, at);
  }
  return missing || (hole && !is_newer(m, at, hole)) ? MS_E_DAMAGED : MS_OK;
}

/* Header b speaks of the blocks from b - (lowest bit of b) to b - 1, as in a Fenwick tree: so the last write
 * at or before a time is found in a few headers, whatever the clock did in between. */
uint32_t ms_past_earliest(ms_memory* m, uint32_t block) {
  uint32_t earliest = m->log.earliest, oldest = ms_log_first_block(m), lowest = block & (~block + 1u);
  for (uint32_t step = 1; step < lowest; step *= 2) {
    if (block - step <= oldest) continue; /* nothing was written before it */
    if (ms_block_read(m, block - step, m->slots_built)) return 0;
    if (ms_block_earliest(m->slots_built) < earliest) earliest = ms_block_earliest(m->slots_built);
  }
  return earliest;
}

/* In one block, the last state that was written at or before this time; 0: none was. */
static uint32_t last_in_block(ms_memory* m, uint32_t first, uint32_t end, uint32_t unix_seconds) {
  for (uint32_t p = end; p-- > first;) {
    ms_deed deed;
    int status;
    if (ms_entry_at(m, p, &deed, &status) && !deed.more && deed.time && deed.time <= unix_seconds) return p;
  }
  return 0;
}

int ms_past_find(ms_memory* m, uint32_t unix_seconds, uint32_t* position) {
  uint32_t entries = m->header.layout.block_entries, oldest = ms_log_first_block(m);
  uint32_t block = (m->log.end - 1) / entries; /* its own header says nothing of it */
  *position = last_in_block(m, block * entries, m->log.end, unix_seconds);
  while (!*position && block > oldest) {
    uint32_t earliest = ms_block_read(m, block, m->slots_built) ? 0 : ms_block_earliest(m->slots_built);
    if (earliest > unix_seconds) {
      uint32_t lowest = block & (~block + 1u);
      block = block - oldest > lowest ? block - lowest : oldest;
      continue;
    }
    block--;
    *position = last_in_block(m, block * entries, (block + 1) * entries, unix_seconds);
  }
  return *position && *position > ms_log_first_state(m) ? MS_OK : MS_E_NOT_FOUND;
}
