/* Finding the log's end, and where each slot's newest content is.
 *
 * The newest block is found by its header: doubling and halving from the oldest file on. From the block
 * before it on every entry is looked at in both lanes; of two valid ones the newer counts. An entry is one of
 * the log if its sequence is higher than that of all before it: what an unfinished group, a refused write or
 * a deleted file left behind has a lower one. Entries of a group whose last one is missing do not count.
 *
 * A keyframe and the entries of two blocks name every slot, so nothing else is needed to know the memory. */
#include "memory.h"

/* So many places in a row without an entry are the end; both lanes of fewer may be damaged. */
#define LOOK_AHEAD 16u
#define MISSING_FILES 8u

enum { NO_LANE = -1 };

typedef struct {
  ms_memory* m;
  uint32_t block;       /* the one that the newest entry is in */
  uint32_t from, limit; /* positions to look at */
  int fix;              /* this lane is being repaired; NO_LANE: none is */
  /* found: */
  uint32_t sure;           /* behind the last entry that can be read */
  uint32_t end, committed; /* behind the last entry; behind the last one that counts */
  uint64_t sequence;       /* of the last entry */
  uint64_t newest;         /* of all that is valid, whether it counts or not */
  uint32_t wrong[2];       /* sectors of each lane that have to be written */
  uint32_t lagging;        /* of these, those that the next write would have brought */
  uint32_t damaged;        /* entries that neither lane has */
} walk;

/* `unreadable`: a sector that could say so cannot be read. */
static int block_reached(ms_memory* m, uint32_t block, int* yes, int* unreadable) {
  *yes = 0;
  for (uint32_t i = 0; i < 3 && !*yes; i++) {
    int status = ms_block_read(m, block + i, m->index_built);
    *yes = status == MS_OK;
    *unreadable |= status == MS_E_IO;
    if (status && status != MS_E_DAMAGED && status != MS_E_NOT_FOUND && status != MS_E_IO) return status;
  }
  return MS_OK;
}

/* The newest block that has a header. MS_E_NOT_FOUND: there is no log. */
static int find_newest_block(ms_memory* m, uint32_t* newest) {
  uint32_t first = m->header.first_file, low, high, step = 1;
  int yes = 0, unreadable = 0, status = MS_OK;
  m->log.begun = 0;
  for (uint32_t i = 0; !status && !yes && i <= MISSING_FILES; i++) {
    m->header.first_file = first + i;
    int there = 0; /* with files of one block a later one would answer for it */
    status = ms_log_has_file(m, m->header.first_file, &there);
    if (!status && there) status = block_reached(m, ms_log_first_block(m), &yes, &unreadable);
  }
  if (status || !yes) {
    m->header.first_file = first;
    return status ? status : unreadable ? MS_E_IO : MS_E_NOT_FOUND;
  }
  low = ms_log_first_block(m);
  if (!ms_block_read(m, low, m->index_built)) m->log.begun = ms_block_sequence(m->index_built);
  for (high = low + 1;; step *= 2) {
    status = block_reached(m, high, &yes, &unreadable);
    if (status) return status;
    if (!yes) break;
    low = high;
    high += step;
  }
  while (low + 1 < high) {
    uint32_t middle = low + (high - low) / 2;
    status = block_reached(m, middle, &yes, &unreadable);
    if (status) return status;
    if (yes)
      low = middle;
    else
      high = middle;
  }
  *newest = low + 2; /* of the three that were looked at */
  while (*newest > low && ms_block_read(m, *newest, m->index_built)) --*newest;
  return MS_OK;
}

/* Write what should stand in a place of those lanes that have something else. `position`: of the entry that
 * it goes out with. */
static int mend(walk* w, const int differs[2], uint32_t position, uint32_t block, uint32_t sector,
                const uint8_t* data, uint32_t sectors) {
  for (int lane = 0; lane < 2; lane++) {
    /* what a failed repair has left is written again, but nothing that this lane alone has */
    if (!differs[lane] && (!w->m->log.rewrite[lane] || differs[1 - lane])) continue;
    w->wrong[lane] += sectors;
    if (differs[lane] && position + 1 == w->limit) w->lagging += sectors;
    int status = w->fix == lane ? ms_log_write(w->m, lane, block, sector, data, sectors) : MS_OK;
    if (status) return status;
  }
  return MS_OK;
}

static int visit_header(walk* w, uint32_t block) {
  ms_memory* m = w->m;
  uint8_t* header[2] = {m->index_read[0], m->index_read[1]};
  int valid[2], differs[2];
  for (int lane = 0; lane < 2; lane++)
    valid[lane] = !ms_log_read(m, lane, block, 0, header[lane], 1) && ms_block_valid(m, block, header[lane]);
  int best = !valid[0] || (valid[1] && ms_block_sequence(header[1]) > ms_block_sequence(header[0]));
  if (!valid[best]) return MS_OK;
  for (int lane = 0; lane < 2; lane++)
    differs[lane] = !valid[lane] || memcmp(header[lane], header[best], MS_SECTOR);
  memcpy(m->log.header, header[best], MS_SECTOR);
  return mend(w, differs, block * m->header.layout.block_entries, block, 0, m->log.header, 1);
}

/* What both lanes have in one place. */
typedef struct {
  const uint8_t* packed; /* the newer valid entry of this sequence or a higher one; NULL: there is none */
  const uint8_t* entry;  /* the same, unpacked */
  ms_deed deed;
  int valid[2];   /* a lane has one */
  int differs[2]; /* and not the newer one */
  int unreadable; /* a lane that has not got it cannot be read */
} pair;

/* An entry of several sectors that is whole only between the lanes: the record of one, the slot of the other.
 */
static void join(walk* w, uint32_t where, uint32_t slot, int lane, uint64_t least, pair* p) {
  ms_memory* m = w->m;
  uint32_t rest = ms_entry_bytes(&m->header.layout) - MS_SECTOR;
  uint8_t* const packed[2] = {m->log.fresh, m->log.keyframe};
  uint8_t* entry = m->log.read[lane];
  if (!rest) return;
  memcpy(entry, packed[lane], MS_SECTOR);
  memcpy(entry + MS_SECTOR, packed[1 - lane] + MS_SECTOR, rest);
  if (ms_entry_unpack(m, where, entry, &p->deed) || !ms_entry_is_of(entry, slot) ||
      ms_get64(entry + MS_R_SEQUENCE) < least)
    return;
  memcpy(packed[lane] + MS_SECTOR, packed[1 - lane] + MS_SECTOR, rest);
  p->packed = packed[lane];
  p->entry = entry;
}

/* What there is of this slot (MS_NONE: of any). MS_OK, or the error of a file that is there and cannot be
 * opened now. */
static int look(walk* w, uint32_t block, uint32_t sector, uint32_t where, uint32_t slot, uint64_t least,
                pair* p) {
  ms_memory* m = w->m;
  uint8_t* const packed[2] = {m->log.fresh, m->log.keyframe};
  uint64_t sequence[2] = {0, 0}, best = 0;
  memset(p, 0, sizeof *p);
  for (int lane = 0; lane < 2; lane++) {
    uint8_t* entry = m->log.read[lane];
    ms_deed deed;
    int status = ms_log_read(m, lane, block, sector, entry, m->header.layout.entry_sectors);
    if (status && status != MS_E_NOT_FOUND && m->segment < 0) return status;
    p->unreadable |= status && status != MS_E_NOT_FOUND && status != MS_E_DAMAGED;
    memset(packed[lane], 0, ms_entry_bytes(&m->header.layout));
    if (status) continue;
    memcpy(packed[lane], entry, ms_entry_bytes(&m->header.layout));
    if (ms_entry_unpack(m, where, entry, &deed) || !ms_entry_is_of(entry, slot)) continue;
    sequence[lane] = ms_get64(entry + MS_R_SEQUENCE);
    if (sequence[lane] > w->newest) w->newest = sequence[lane];
    p->valid[lane] = sequence[lane] >= least;
    if (!p->valid[lane] || (p->entry && sequence[lane] <= best)) continue;
    best = sequence[lane];
    p->packed = packed[lane];
    p->entry = entry;
    p->deed = deed;
  }
  for (int lane = 0; lane < 2 && !p->entry; lane++) join(w, where, slot, lane, least, p);
  for (int lane = 0; lane < 2; lane++) p->differs[lane] = !p->valid[lane] || sequence[lane] < best;
  return MS_OK;
}

static int visit_keyframe(walk* w, uint32_t block, uint32_t slot) {
  ms_memory* m = w->m;
  const ms_layout* l = &m->header.layout;
  uint32_t sector = ms_keyframe_sector(l, slot);
  pair p;
  int status = look(w, block - 1, sector, MS_KEYFRAME | block, slot, 0, &p);
  if (status || !p.entry) return status;
  if (block == w->block) m->log.at[MS_NOW][slot] = MS_KEYFRAME | block;
  uint32_t position = (block - 1) * l->block_entries + ms_keyframe_place(l, slot);
  for (int lane = 0; lane < 2; lane++)
    p.differs[lane] = !p.valid[lane]; /* with other counters it is as good */
  return mend(w, p.differs, position, block - 1, sector, p.packed, l->entry_sectors);
}

static int visit_entries(walk* w) {
  ms_memory* m = w->m;
  const ms_layout* l = &m->header.layout;
  uint32_t next = w->from, holes = 0;
  w->end = w->committed = w->from;
  m->log.earliest = 0xffffffffu;
  for (uint32_t p = w->from; p < w->limit && p - w->end < LOOK_AHEAD; p++) {
    uint32_t block = p / l->block_entries, sector = ms_entry_sector(l, p % l->block_entries);
    pair both;
    if (p % l->block_entries == 0) m->log.earliest = 0xffffffffu;
    int status = look(w, block, sector, p, MS_NONE, w->sequence + 1, &both);
    if (status) return status;
    if (!both.entry) { /* one that cannot be read is never written over: it may be read another day */
      if (both.unreadable && p == next) next = p + 1, holes++;
      continue;
    }
    const ms_deed* deed = &both.deed;
    w->damaged += p - w->end;
    w->end = next = p + 1;
    w->sequence = ms_get64(both.entry + MS_R_SEQUENCE);
    if (!deed->more) w->committed = w->end;
    if (!deed->more && deed->time && deed->time < m->log.earliest) m->log.earliest = deed->time;
    memcpy(m->log.last, both.packed, ms_entry_bytes(l));
    m->log.at[MS_NOW][ms_get16(both.entry + MS_R_SLOT)] = p + 1;
    status = mend(w, both.differs, p, block, sector, both.packed, l->entry_sectors);
    if (status) return status;
  }
  if (holes >= LOOK_AHEAD / 2) return MS_E_IO; /* the card, not a sector */
  w->sure = w->committed;
  if (w->committed == w->end) w->end = w->committed = next;
  return MS_OK;
}

/* The block that the newest entry is in: with the keyframe before it and the block before it, it says
 * everything. */
static uint32_t block_of_end(const ms_memory* m, uint32_t end) {
  uint32_t least = ms_log_first_block(m) + 1, block = (end - 1) / m->header.layout.block_entries;
  return block > least ? block : least;
}

/* All sequences before this block are lower: so its own header says, or that of an older one. */
static uint64_t sequence_before(ms_memory* m, uint32_t block) {
  for (uint32_t i = 0; i < 2; i++)
    if (!ms_block_read(m, block - i, m->index_built)) return ms_block_sequence(m->index_built);
  return m->log.begun;
}

static int visit(walk* w, uint32_t block, uint32_t limit, int fix) {
  ms_memory* m = w->m;
  const ms_layout* l = &m->header.layout;
  uint32_t first = ms_log_first_block(m);
  int status = MS_OK;
  w->block = block;
  w->limit = limit;
  w->fix = fix;
  w->wrong[0] = w->wrong[1] = w->lagging = w->damaged = 0;
  /* the first block has entries only where older ones were dropped */
  int has_entries =
      block - 1 > first || (!ms_block_read(m, first, m->index_built) && !ms_block_begins(m->index_built));
  w->from = (has_entries ? block - 1 : block) * l->block_entries;
  w->sequence = sequence_before(m, w->from / l->block_entries);
  memset(m->log.at[MS_NOW], 0, l->slots * sizeof(uint32_t));
  for (uint32_t slot = 0; !status && slot < l->slots; slot++) status = visit_keyframe(w, block, slot);
  if (!status) status = visit_entries(w);
  if (status || limit == MS_POSITIONS) return status;
  for (uint32_t slot = 0; !status && slot < l->slots; slot++)
    if (block * l->block_entries + ms_keyframe_place(l, slot) < limit)
      status = visit_keyframe(w, block + 1, slot);
  if (!status) status = visit_header(w, block - 1);
  if (!status && limit > block * l->block_entries) status = visit_header(w, block);
  return status;
}

/* Where the log ends: behind the last entry that counts. */
static int find_end(walk* w, uint32_t* end) {
  ms_memory* m = w->m;
  uint32_t block = 0, oldest;
  int status = find_newest_block(m, &block);
  if (status) return status;
  oldest = ms_log_first_block(m) + 1;
  if (block < oldest) block = oldest;
  for (;;) {
    status = visit(w, block, MS_POSITIONS, NO_LANE);
    if (status) return status;
    *end = w->committed;
    uint32_t last = block_of_end(m, *end);
    if (last >= block) break;
    block = last; /* the later header went out with an entry that does not count */
  }
  w->block = block_of_end(m, *end);
  return MS_OK;
}

/* First the lane that the newest entry was written into: the other one has everything that was acknowledged.
 */
static int repair_lanes(walk* w, uint32_t end) {
  ms_memory* m = w->m;
  uint32_t block = w->block, wrong[2] = {w->wrong[0], w->wrong[1]};
  for (uint32_t i = 1; i <= 2; i++) {
    int lane = (int)((end - i) & 1);
    if (!wrong[lane]) continue;
    int status = MS_OK;
    for (uint32_t b = block ? block - 1 : 0; !status && b <= block; b++)
      status = ms_log_whole_file(m, b / m->header.file_blocks);
    if (!status) status = visit(w, block, end, lane);
    if (!status) status = ms_card_sync(m);
    m->log.rewrite[lane] = status != MS_OK;
    if (status) return status;
  }
  return MS_OK;
}

int ms_log_scan(ms_memory* m, ms_report* report) {
  walk w = {.m = m};
  uint32_t end = 0;
  int status = find_end(&w, &end);
  m->log.missing = status == MS_E_NOT_FOUND;
  if (m->log.missing) memset(m->log.at[MS_NOW], 0, m->config.slots * sizeof(uint32_t));
  if (m->log.missing) return MS_OK;
  if (!status) status = visit(&w, w.block, end, NO_LANE); /* once more, without what does not count */
  if (status) return status;
  report->states_checked = end - w.from;
  report->states_damaged = w.damaged;
  report->log_repaired = w.wrong[0] + w.wrong[1] - w.lagging;
  m->log.end = end;
  m->log.sure = w.sure;
  m->log.lag = w.wrong[0] + w.wrong[1] > 0;
  m->log.unsure = 0;
  if (w.newest > m->clock) m->clock = w.newest;
  if (m->log.begun > m->clock) m->clock = m->log.begun; /* reads had moved it on */
  if (m->read_only) return MS_OK;
  status = repair_lanes(&w, end);
  if (!status) m->log.lag = 0;
  return status;
}
