/* Two copies of every sector: which one counts, and how the other is repaired.
 *
 * A record is believed if its CRC is right and one of the two copies of its slot has the bytes that the
 * record names. Of an index sector, the copy whose records are all believed is taken; of two such copies, the
 * newer one (highest sequence). Where neither is whole, each record is taken from the newest copy in which it
 * is believed. A slot with no believed record is lost: its name is reported, its place is free, and nothing
 * else is touched.
 *
 * Three passes over the card, so that nothing is written before everything is known: decide, then (only if
 * something differs) rewrite the mirror's sectors, barrier, rewrite the primary's, barrier. */
#include "memory.h"

typedef enum { DECIDE, FIX_MIRROR, FIX_PRIMARY } pass;

typedef struct {
  ms_memory* m;
  ms_report* report;
  pass pass;
  int index_status[2],
      slot_status[2]; /* of index_read and slots_read: MS_OK, or why they could not be read */
  /* repairs that say nothing about which copy is better: bytes that mean nothing, the header's third copy */
  uint32_t primary_neutral, mirror_neutral;
} scan;

static int damaged_or_absent(int status) { return status == MS_E_DAMAGED; }

static int read_index(scan* s, int copy, uint32_t sector) {
  ms_memory* m = s->m;
  if (!m->present[copy == MS_MIRROR ? MS_BACKUP_FILE : MS_INDEX_FILE]) return MS_E_DAMAGED;
  return ms_read_index_sector(m, copy, sector, m->index_read[copy]);
}

static int read_slots(scan* s, int copy, uint32_t sector) {
  ms_memory* m = s->m;
  if (!m->present[copy == MS_MIRROR ? MS_BACKUP_FILE : MS_SLOTS_FILE]) return MS_E_DAMAGED;
  return ms_read_slot_sector(m, copy, sector, m->slots_read[copy]);
}

/* The copy of the slot's bytes that has this CRC, or NULL. */
static const uint8_t* find_slot(const scan* s, uint32_t slot, uint32_t crc) {
  const ms_layout* l = &s->m->header.layout;
  size_t at = (size_t)(slot % l->slots_per_sector) * l->slot_bytes;
  for (int copy = MS_PRIMARY; copy <= MS_MIRROR; copy++)
    if (!s->slot_status[copy] && bm_crc32(0, s->m->slots_read[copy] + at, l->slot_bytes) == crc)
      return s->m->slots_read[copy] + at;
  return NULL;
}

static const uint8_t* record_in(const scan* s, int copy, uint32_t slot) {
  const ms_layout* l = &s->m->header.layout;
  const uint8_t* record = s->m->index_read[copy] + (size_t)(slot % l->records_per_sector) * l->record_bytes;
  if (s->index_status[copy] || !ms_record_valid(l, s->m->header.identity, record, slot)) return NULL;
  return record;
}

static const uint8_t* believed_in(const scan* s, int copy, uint32_t slot) {
  const uint8_t* record = record_in(s, copy, slot);
  return record && find_slot(s, slot, ms_get32(record + MS_R_SLOT_CRC)) ? record : NULL;
}

static void accept(scan* s, uint32_t slot, const uint8_t* record) {
  ms_memory* m = s->m;
  uint8_t* ours = ms_record(m, slot);
  uint64_t sequence = ms_get64(record + MS_R_SEQUENCE);
  if (sequence > m->clock) m->clock = sequence;
  if (ms_get64(record + MS_R_LAST_ACCESS) > m->clock) m->clock = ms_get64(record + MS_R_LAST_ACCESS);
  if ((m->flags[slot] & MS_UNSAVED) && record[MS_R_STATE] == MS_EMPTY) {
    ms_put64(ours + MS_R_SEQUENCE, sequence); /* what the card has in its place */
    return;
  }
  if (memcmp(ours + MS_R_SLOT_CRC, record + MS_R_SLOT_CRC, 4)) ms_hot_drop(m, slot);
  memcpy(ours, record, m->header.layout.record_bytes);
  m->flags[slot] = 0;
}

static void declare_lost(scan* s, uint32_t slot, const uint8_t* newest, uint64_t sequence) {
  ms_memory* m = s->m;
  const ms_layout* l = &m->header.layout;
  uint8_t* record = ms_record(m, slot);
  char name[MS_NAME_BYTES] = "";
  if (newest) memcpy(name, newest + MS_R_NAME, sizeof name);
  ms_hot_drop(m, slot);
  m->flags[slot] = 0;
  ms_record_empty(l, m->header.identity, record, slot, sequence);
  record[MS_R_STATE] = MS_LOST;
  record[MS_R_NAME_BYTES] = (uint8_t)strlen(name);
  memcpy(record + MS_R_NAME, name, sizeof name);
  ms_record_seal(l, m->header.identity, record);
}

/* Records of one index sector: from the card into RAM. */
static int decide(scan* s, uint32_t first, uint32_t end) {
  int whole[2] = {1, 1};
  uint64_t newest[2] = {0, 0}, merged = 0;
  for (int copy = MS_PRIMARY; copy <= MS_MIRROR; copy++) {
    for (uint32_t slot = first; slot < end; slot++) {
      const uint8_t* record = believed_in(s, copy, slot);
      uint64_t sequence = record ? ms_get64(record + MS_R_SEQUENCE) : 0;
      if (!record || (slot > first && sequence != newest[copy])) whole[copy] = 0;
      if (sequence > newest[copy]) newest[copy] = sequence;
    }
    if (newest[copy] > merged) merged = newest[copy];
  }
  if (whole[0] || whole[1]) {
    int copy = whole[1] && (!whole[0] || newest[1] > newest[0]) ? MS_MIRROR : MS_PRIMARY;
    for (uint32_t slot = first; slot < end; slot++) accept(s, slot, record_in(s, copy, slot));
    return MS_OK;
  }
  for (uint32_t slot = first; slot < end; slot++) {
    const uint8_t *a = believed_in(s, MS_PRIMARY, slot), *b = believed_in(s, MS_MIRROR, slot);
    if (a || b) {
      accept(s, slot, !a || (b && ms_get64(b + MS_R_SEQUENCE) > ms_get64(a + MS_R_SEQUENCE)) ? b : a);
      continue;
    }
    for (int copy = 0; copy < 2; copy++) { /* a card that cannot be read now is not a card that has lost it */
      if (s->index_status[copy] && !damaged_or_absent(s->index_status[copy])) return s->index_status[copy];
      if (s->slot_status[copy] && !damaged_or_absent(s->slot_status[copy])) return s->slot_status[copy];
    }
    a = record_in(s, MS_PRIMARY, slot), b = record_in(s, MS_MIRROR, slot);
    if (a && b && a[MS_R_STATE] != MS_OCCUPIED && b[MS_R_STATE] != MS_OCCUPIED) {
      accept(s, slot, ms_get64(b + MS_R_SEQUENCE) > ms_get64(a + MS_R_SEQUENCE) ? b : a); /* damaged zeros */
    } else {
      declare_lost(s, slot, !a || (b && ms_get64(b + MS_R_SEQUENCE) > ms_get64(a + MS_R_SEQUENCE)) ? b : a,
                   merged);
    }
  }
  for (uint32_t slot = first; slot < end; slot++) ms_stamp(s->m, slot, merged);
  return MS_OK;
}

static int build_slot_sector(scan* s, uint32_t sector, uint8_t* data) {
  ms_memory* m = s->m;
  const ms_layout* l = &m->header.layout;
  memset(data, 0, MS_SECTOR);
  for (uint32_t i = 0; i < l->slots_per_sector; i++) {
    uint32_t slot = sector * l->slots_per_sector + i;
    if (slot >= l->slots || !ms_occupied(m, slot) || (m->flags[slot] & MS_UNSAVED)) continue;
    const uint8_t* bytes = find_slot(s, slot, ms_get32(ms_record(m, slot) + MS_R_SLOT_CRC));
    if (!bytes)
      return s->slot_status[0] ? s->slot_status[0] : s->slot_status[1] ? s->slot_status[1] : MS_E_IO;
    memcpy(data + (size_t)i * l->slot_bytes, bytes, l->slot_bytes);
  }
  return MS_OK;
}

/* Count or rewrite a sector's copies that are not what they should be. */
static int settle(scan* s, int is_slots, uint32_t sector, const uint8_t* want, uint32_t primary_bytes,
                  uint32_t used_bytes) {
  ms_memory* m = s->m;
  const int* status = is_slots ? s->slot_status : s->index_status;
  uint8_t* const* have = is_slots ? m->slots_read : m->index_read;
  int differs[2] = {status[0] || memcmp(have[0], want, primary_bytes),
                    status[1] || memcmp(have[1], want, MS_SECTOR)};
  if (s->pass == DECIDE) {
    s->report->primary_repaired += differs[0];
    s->report->mirror_repaired += differs[1];
    s->primary_neutral += differs[0] && !status[0] && !memcmp(have[0], want, used_bytes);
    s->mirror_neutral += differs[1] && !status[1] && !memcmp(have[1], want, used_bytes);
    return MS_OK;
  }
  int copy = s->pass == FIX_MIRROR ? MS_MIRROR : MS_PRIMARY;
  if (!differs[copy]) return MS_OK;
  return is_slots ? ms_write_slot_sector(m, copy, sector, want)
                  : ms_write_index_sector(m, copy, sector, want);
}

/* The header and its third copy, at the very beginning of the backup file. */
static int visit_header(scan* s) {
  ms_memory* m = s->m;
  for (int copy = 0; copy < 2; copy++) s->index_status[copy] = read_index(s, copy, 0);
  ms_header_pack(&m->header, m->index_built);
  int status = settle(s, 0, 0, m->index_built, MS_SECTOR, MS_SECTOR);
  if (status) return status;
  ms_header third = m->header;
  third.sequence = 0;
  third.pending = 0;
  ms_header_pack(&third, m->index_built);
  status = m->present[MS_BACKUP_FILE]
               ? ms_card_read(m, m->file[MS_BACKUP_FILE], 0, m->index_read[MS_PRIMARY], MS_SECTOR)
               : MS_E_DAMAGED;
  if (!status && !memcmp(m->index_read[MS_PRIMARY], m->index_built, MS_SECTOR)) return MS_OK;
  if (s->pass == DECIDE) {
    s->report->mirror_repaired++;
    s->mirror_neutral++;
  }
  return s->pass == FIX_MIRROR ? ms_card_write(m, m->file[MS_BACKUP_FILE], 0, m->index_built, MS_SECTOR)
                               : MS_OK;
}

static int visit(scan* s, pass pass) {
  ms_memory* m = s->m;
  const ms_layout* l = &m->header.layout;
  s->pass = pass;
  int status = visit_header(s);
  for (uint32_t group = 0; !status && group < l->slot_sectors; group++) {
    uint32_t first = group * l->slots_per_sector;
    uint32_t end = first + l->slots_per_sector < l->slots ? first + l->slots_per_sector : l->slots;
    for (int copy = 0; copy < 2; copy++) s->slot_status[copy] = read_slots(s, copy, group);
    for (uint32_t slot = first; !status && slot < end; slot += l->records_per_sector) {
      uint32_t sector = 1 + slot / l->records_per_sector;
      uint32_t stop = slot + l->records_per_sector < end ? slot + l->records_per_sector : end;
      for (int copy = 0; copy < 2; copy++) s->index_status[copy] = read_index(s, copy, sector);
      if (pass == DECIDE) status = decide(s, slot, stop);
      if (status) break;
      ms_build_index_sector(m, sector, m->index_built);
      status = settle(s, 0, sector, m->index_built, MS_SECTOR, (stop - slot) * l->record_bytes);
    }
    if (!status) status = build_slot_sector(s, group, m->slots_built);
    if (!status)
      status =
          settle(s, 1, group, m->slots_built, ms_slot_sector_bytes(l, group), (end - first) * l->slot_bytes);
  }
  return status;
}

static void summarise(const scan* s) {
  const ms_memory* m = s->m;
  ms_report* report = s->report;
  int primary = report->primary_repaired > s->primary_neutral,
      mirror = report->mirror_repaired > s->mirror_neutral;
  report->occupied = report->lost = 0;
  for (uint32_t slot = 0; slot < m->header.layout.slots; slot++) {
    const uint8_t* record = ms_record(m, slot);
    report->occupied += record[MS_R_STATE] == MS_OCCUPIED;
    if (record[MS_R_STATE] != MS_LOST) continue;
    if (report->lost < 16) {
      report->lost_slots[report->lost] = (int32_t)slot;
      memcpy(report->lost_names[report->lost], record + MS_R_NAME, MS_NAME_BYTES);
    }
    report->lost++;
  }
  if (report->kept == MS_STATE_CREATED) {
    report->primary_repaired = report->mirror_repaired = 0;
  } else {
    report->kept = primary && mirror          ? MS_STATE_MERGED
                   : primary                  ? MS_STATE_NEW_KEPT
                   : mirror                   ? MS_STATE_OLD_KEPT
                   : report->primary_repaired ? MS_STATE_NEW_KEPT
                   : report->mirror_repaired  ? MS_STATE_OLD_KEPT
                                              : MS_STATE_CLEAN;
  }
}

static int make_whole_files(ms_memory* m) {
  static const char* const names[3] = {"memory_slots.bin", "memory_index.bin", "memory_backup.bin"};
  const ms_layout* l = &m->header.layout;
  uint64_t want[3] = {l->slots_bytes, ms_index_bytes(l), ms_backup_bytes(l)};
  for (int i = 2; i >= 0; i--) {
    uint64_t bytes = 0;
    int status = MS_OK;
    if (m->file[i] < 0) status = ms_open_file(m, names[i], MS_CREATE, &m->file[i]);
    if (!status) status = m->port->size(m->port->context, m->file[i], &bytes);
    if (!status && bytes != want[i]) status = m->port->preallocate(m->port->context, m->file[i], want[i]);
    if (status) return status;
  }
  m->broken_sizes = 0;
  return ms_card_sync(m);
}

int ms_scan(ms_memory* m, ms_report* report) {
  scan s = {.m = m, .report = report};
  report->primary_repaired = report->mirror_repaired = 0;
  int status = visit(&s, DECIDE);
  if (status) return status;
  uint32_t primary = report->primary_repaired, mirror = report->mirror_repaired;
  summarise(&s);
  if (m->read_only) return MS_OK;
  if (m->broken_sizes) status = make_whole_files(m);
  if (!status && mirror) {
    status = visit(&s, FIX_MIRROR);
    if (!status) status = ms_card_sync(m);
  }
  if (!status && primary) {
    /* files that make_whole_files has just made hold anything: they stay `absent` until they are written */
    status = visit(&s, FIX_PRIMARY);
    if (!status) status = ms_card_sync(m);
  }
  if (!status) m->present[0] = m->present[1] = m->present[2] = 1;
  return status;
}
