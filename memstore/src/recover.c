/* Two copies of every sector and the log: which one counts, and how the others are repaired.
 *
 * What the log has of a slot counts where it is newer than either copy: they are written after it. A copy
 * that is whole and older is behind, not damaged: it is brought up to date without a word.
 *
 * A record is believed if its CRC is right and one copy of its slot has the bytes that the record names. Of
 * an index sector, the copy whose records are all believed is taken; of two such copies, the newer one
 * (highest sequence). Where none is whole, each record is taken from the newest copy in which it is believed.
 * A copy whose last write or barrier failed is unknown: it counts only where the other one has nothing, and
 * is rewritten whatever it seems to hold. A slot with no believed record is lost: its name is reported, its
 * place is free, and nothing else is touched.
 *
 * Several passes over the card, so that nothing is written before everything is known: decide; if each copy
 * has lost something, write a third one, barrier; then rewrite one copy's sectors that differ, barrier, and
 * the other's, barrier. */
#include "memory.h"

typedef enum { DECIDE, FILL_SPARE, FIX_MIRROR, FIX_PRIMARY } pass;

typedef struct {
  ms_memory* m;
  ms_report* report;
  pass pass;
  /* of index_read and slots_read: MS_OK, or why they could not be read */
  int index_status[MS_SOURCES], slot_status[MS_SOURCES];
  /* repairs that say nothing about which copy is better: bytes that mean nothing, the header's third copy */
  uint32_t neutral[MS_COPIES];
  uint32_t behind[MS_COPIES]; /* sectors that are whole and older than the log */
  int torn[MS_SOURCES];       /* records and slots of the slot sector that do not belong together */
  int index_torn[MS_SOURCES]; /* the index sector is not whole */
  uint32_t from_history;      /* slots that neither copy has */
  int spare_differs; /* from what it should hold: it is missing or was cut before the copies were touched */
} scan;

static int damaged_or_absent(int status) { return status == MS_E_DAMAGED; }

/* A spare copy that could not be looked for may hold what is missing elsewhere. */
static int absent(const ms_memory* m, int copy) {
  return copy == MS_SPARE && m->spare_status ? m->spare_status : MS_E_DAMAGED;
}

static int read_index(scan* s, int copy, uint32_t sector) {
  static const int file[MS_SOURCES] = {MS_INDEX_FILE, MS_BACKUP_FILE, MS_SPARE_FILE};
  if (!s->m->present[file[copy]]) return absent(s->m, copy);
  return ms_read_index_sector(s->m, copy, sector, s->m->index_read[copy]);
}

static int read_slots(scan* s, int copy, uint32_t sector) {
  static const int file[MS_SOURCES] = {MS_SLOTS_FILE, MS_BACKUP_FILE, MS_SPARE_FILE};
  if (!s->m->present[file[copy]]) return absent(s->m, copy);
  return ms_read_slot_sector(s->m, copy, sector, s->m->slots_read[copy]);
}

/* The bytes of a slot in one copy, NULL: not readable. */
static const uint8_t* slot_in(const scan* s, int copy, uint32_t slot) {
  const ms_layout* l = &s->m->header.layout;
  if (s->slot_status[copy]) return NULL;
  return s->m->slots_read[copy] + (size_t)(slot % l->slots_per_sector) * l->slot_bytes;
}

/* The newest record of a slot in the log, behind it its bytes; NULL: there is none. */
static const uint8_t* in_log(const scan* s, uint32_t slot) {
  ms_memory* m = s->m;
  int status;
  return m->header.version > 1 ? ms_entry_where(m, slot, m->log.at[MS_NOW][slot], &status) : NULL;
}

static const uint8_t* in_tail(const scan* s, uint32_t slot) {
  return s->m->header.version > 1 && s->m->log.tail_slot == slot ? s->m->log.tail : NULL;
}

/* The slot's bytes that have this CRC, or NULL. */
static const uint8_t* find_slot(const scan* s, uint32_t slot, uint32_t crc) {
  const ms_layout* l = &s->m->header.layout;
  for (int copy = 0; copy < MS_SOURCES; copy++) {
    const uint8_t* bytes = slot_in(s, copy, slot);
    if (bytes && bm_crc32(0, bytes, l->slot_bytes) == crc) return bytes;
  }
  const uint8_t* logged = in_log(s, slot);
  if (logged && ms_get32(logged + MS_R_SLOT_CRC) == crc) return logged + l->record_bytes;
  const uint8_t* tail = in_tail(s, slot);
  return tail && ms_get32(tail + MS_R_SLOT_CRC) == crc ? tail + l->record_bytes : NULL;
}

/* Nothing but zeros wherever it can be read: an empty slot, or one that was forgotten. */
static int slot_is_blank(const scan* s, uint32_t slot) {
  int readable = 0;
  for (int copy = 0; copy < MS_SOURCES; copy++) {
    const uint8_t* bytes = slot_in(s, copy, slot);
    for (uint32_t i = 0; bytes && i < s->m->header.layout.slot_bytes; i++)
      if (bytes[i]) return 0;
    readable |= bytes != NULL;
  }
  return readable;
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

static int is_unknown(const scan* s, int copy) { return copy < MS_COPIES && s->m->unknown[copy]; }

/* Of two records (NULL: none) the one to take: a known copy's, then the newer one. */
static int better(const scan* s, int copy, const uint8_t* record, int other, const uint8_t* than) {
  if (!record || !than) return record != NULL;
  if (is_unknown(s, copy) != is_unknown(s, other)) return is_unknown(s, other);
  return ms_get64(record + MS_R_SEQUENCE) > ms_get64(than + MS_R_SEQUENCE);
}

static void accept(scan* s, uint32_t slot, const uint8_t* record) {
  ms_memory* m = s->m;
  uint8_t* ours = ms_record(m, slot);
  uint64_t sequence = ms_get64(record + MS_R_SEQUENCE);
  if (sequence > m->clock) m->clock = sequence;
  if (ms_get64(record + MS_R_LAST_ACCESS) > m->clock) m->clock = ms_get64(record + MS_R_LAST_ACCESS);
  if ((m->flags[slot] & MS_UNSAVED) && record[MS_R_STATE] == MS_EMPTY && ms_stamp(m, slot, sequence) == MS_OK)
    return; /* `sequence` is that of the empty record which the card has in its place */
  if (memcmp(ours + MS_R_SLOT_CRC, record + MS_R_SLOT_CRC, 4)) ms_hot_drop(m, slot);
  ms_set_record(m, slot, record);
  m->flags[slot] = 0;
}

/* No record of this slot is believed; `newest`: the best that can be read, or NULL. */
static void declare_lost(scan* s, uint32_t slot, const uint8_t* newest) {
  ms_memory* m = s->m;
  const ms_layout* l = &m->header.layout;
  uint8_t* record = ms_record(m, slot);
  char name[MS_NAME_BYTES] = "";
  if (newest) memcpy(name, newest + MS_R_NAME, sizeof name);
  ms_hot_drop(m, slot);
  m->flags[slot] = 0;
  ms_record_empty(l, m->header.identity, record, slot, newest ? ms_get64(newest + MS_R_SEQUENCE) : 0);
  m->access[slot] = (ms_access){0};
  if (!newest && slot_is_blank(s, slot)) return; /* nothing was there */
  record[MS_R_STATE] = MS_LOST;
  record[MS_R_NAME_BYTES] = (uint8_t)strlen(name);
  memcpy(record + MS_R_NAME, name, sizeof name);
  ms_record_seal(l, m->header.identity, record);
}

/* The copy whose records of first..end - 1 are all believed and of one write, the newest of several; -1:
 * none. */
static int whole_copy(const scan* s, uint32_t first, uint32_t end) {
  int best = -1;
  for (int copy = 0; copy < MS_SOURCES; copy++) {
    const uint8_t* record = believed_in(s, copy, first);
    int whole = record != NULL;
    for (uint32_t slot = first + 1; whole && slot < end; slot++) {
      const uint8_t* next = believed_in(s, copy, slot);
      whole = next && ms_get64(next + MS_R_SEQUENCE) == ms_get64(record + MS_R_SEQUENCE);
    }
    if (whole && (best < 0 || better(s, copy, record, best, record_in(s, best, first)))) best = copy;
  }
  /* an unknown copy counts only where the other has nothing: record by record */
  return best >= 0 && is_unknown(s, best) ? -1 : best;
}

/* The best record of a slot and the copy that it is in, -1: there is none. */
static int best_record(const scan* s, uint32_t slot, const uint8_t* (*look)(const scan*, int, uint32_t)) {
  int best = -1;
  for (int copy = 0; copy < MS_SOURCES; copy++)
    if (better(s, copy, look(s, copy, slot), best, best < 0 ? NULL : look(s, best, slot))) best = copy;
  return best;
}

static int newer(const uint8_t* a, const uint8_t* b) {
  return a && (!b || ms_get64(a + MS_R_SEQUENCE) > ms_get64(b + MS_R_SEQUENCE));
}

/* Of this record (NULL: none) and the log's the newer one becomes the slot's. 0: there is none. */
static int accept_newest(scan* s, uint32_t slot, const uint8_t* record) {
  const uint8_t *logged = in_log(s, slot), *tail = in_tail(s, slot);
  if (newer(tail, record)) record = tail;
  if (newer(logged, record)) {
    accept(s, slot, logged);
    s->from_history += !record;
    return 1;
  }
  if (!record) return 0;
  int unlogged = !logged || !ms_same_record(&s->m->header.layout, record, logged);
  accept(s, slot, record);
  if (unlogged && s->m->header.version > 1 && !s->m->log.missing && !(s->m->flags[slot] & MS_UNSAVED))
    s->m->flags[slot] |= MS_UNLOGGED;
  return 1;
}

/* No record is believed, the best that can be read names a thing, and the log knows only that nothing was
 * there before. */
static int lost_since(const scan* s, uint32_t slot) {
  const uint8_t *logged = in_log(s, slot), *tail = in_tail(s, slot);
  int copy = best_record(s, slot, record_in);
  const uint8_t* record = copy < 0 ? NULL : record_in(s, copy, slot);
  if (newer(tail, logged)) logged = tail;
  return logged && logged[MS_R_STATE] != MS_OCCUPIED && record && record[MS_R_STATE] == MS_OCCUPIED &&
         newer(record, logged);
}

/* No copy is whole: each record by itself. */
static int merge(scan* s, uint32_t first, uint32_t end) {
  for (uint32_t slot = first; slot < end; slot++) {
    int copy = best_record(s, slot, believed_in);
    if (copy < 0 ? !lost_since(s, slot) && accept_newest(s, slot, NULL)
                 : accept_newest(s, slot, record_in(s, copy, slot)))
      continue;
    for (copy = 0; copy < MS_SOURCES; copy++) { /* a card that cannot be read now has not lost it */
      if (s->index_status[copy] && !damaged_or_absent(s->index_status[copy])) return s->index_status[copy];
      if (s->slot_status[copy] && !damaged_or_absent(s->slot_status[copy])) return s->slot_status[copy];
    }
    copy = best_record(s, slot, record_in);
    const uint8_t *a = record_in(s, MS_PRIMARY, slot), *b = record_in(s, MS_MIRROR, slot);
    if (a && b && a[MS_R_STATE] != MS_OCCUPIED && b[MS_R_STATE] != MS_OCCUPIED)
      accept(s, slot, copy == MS_MIRROR ? b : a); /* damaged zeros */
    else
      declare_lost(s, slot, copy < 0 ? NULL : record_in(s, copy, slot));
  }
  return ms_equalise(s->m, first, end);
}

/* Records of one index sector: from the card into RAM. */
static int decide(scan* s, uint32_t first, uint32_t end) {
  int copy = whole_copy(s, first, end);
  if (copy < 0) return merge(s, first, end);
  for (uint32_t slot = first; slot < end; slot++) accept_newest(s, slot, record_in(s, copy, slot));
  return ms_equalise(s->m, first, end);
}

/* Is a copy's index sector one write's, and do the slots' bytes beside it belong to it? */
static void look_for_tears(scan* s, uint32_t first, uint32_t end) {
  for (int copy = 0; copy < MS_SOURCES; copy++) {
    const uint8_t* one = record_in(s, copy, first);
    s->index_torn[copy] = s->index_status[copy];
    for (uint32_t slot = first; slot < end; slot++) {
      const uint8_t *record = record_in(s, copy, slot), *bytes = slot_in(s, copy, slot);
      s->index_torn[copy] |= !record || !one || memcmp(record + MS_R_SEQUENCE, one + MS_R_SEQUENCE, 8);
      uint32_t crc = bytes ? bm_crc32(0, bytes, s->m->header.layout.slot_bytes) : 0;
      if (!record || !bytes)
        s->torn[copy] = 1;
      else if (crc != ms_get32(record + MS_R_SLOT_CRC) &&
               crc != ms_get32(ms_record(s->m, slot) + MS_R_SLOT_CRC))
        /* the slots file is written before the index, and not at every write: it may have any in between */
        s->torn[copy] |= !newer(in_log(s, slot), record);
    }
  }
}

static int build_slot_sector(scan* s, uint32_t sector, uint8_t* data) {
  ms_memory* m = s->m;
  const ms_layout* l = &m->header.layout;
  memset(data, 0, MS_SECTOR);
  for (uint32_t i = 0; i < l->slots_per_sector; i++) {
    uint32_t slot = sector * l->slots_per_sector + i;
    if (slot >= l->slots || !ms_occupied(m, slot) || (m->flags[slot] & MS_UNSAVED)) continue;
    const uint8_t* bytes = find_slot(s, slot, ms_get32(ms_record(m, slot) + MS_R_SLOT_CRC));
    for (int copy = 0; !bytes && copy < MS_SOURCES; copy++)
      if (s->slot_status[copy] && !damaged_or_absent(s->slot_status[copy])) return s->slot_status[copy];
    if (!bytes) return MS_E_IO; /* it was there when the pass before this one looked */
    memcpy(data + (size_t)i * l->slot_bytes, bytes, l->slot_bytes);
  }
  return MS_OK;
}

static void count_repair(scan* s, int copy, int is_neutral) {
  uint32_t* repaired = copy == MS_MIRROR ? &s->report->mirror_repaired : &s->report->primary_repaired;
  ++*repaired;
  s->neutral[copy] += (uint32_t)is_neutral;
}

/* Count or rewrite a sector's copies that are not what they should be. */
static int settle(scan* s, int is_slots, uint32_t sector, const uint8_t* want, uint32_t primary_bytes,
                  uint32_t used_bytes) {
  ms_memory* m = s->m;
  const int* status = is_slots ? s->slot_status : s->index_status;
  uint8_t* const* have = is_slots ? m->slots_read : m->index_read;
  for (int copy = 0; copy < MS_SOURCES; copy++) {
    int damaged = status[copy] || memcmp(have[copy], want, copy == MS_PRIMARY ? primary_bytes : MS_SECTOR);
    if (copy == MS_SPARE && s->pass == DECIDE && (is_slots || sector)) /* it has no header */
      s->spare_differs |= damaged;
    if (copy == MS_SPARE ? s->pass != FILL_SPARE : !damaged && !m->unknown[copy]) continue;
    int behind = m->header.version > 1 && copy < MS_COPIES && !m->unknown[copy] && (is_slots || sector) &&
                 !(is_slots ? s->torn : s->index_torn)[copy] && memcmp(have[copy], want, used_bytes);
    if (s->pass == DECIDE && behind) {
      s->behind[copy]++;
    } else if (s->pass == DECIDE) {
      count_repair(s, copy, !status[copy] && !memcmp(have[copy], want, used_bytes));
    } else if (copy == (s->pass == FILL_SPARE ? MS_SPARE : s->pass == FIX_MIRROR ? MS_MIRROR : MS_PRIMARY)) {
      return is_slots ? ms_write_slot_sector(m, copy, sector, want)
                      : ms_write_index_sector(m, copy, sector, want);
    }
  }
  return MS_OK;
}

/* The header and its third copy, at the very beginning of the backup file. */
static int visit_header(scan* s) {
  ms_memory* m = s->m;
  if (s->pass == FILL_SPARE) return MS_OK;
  for (int copy = 0; copy < MS_SOURCES; copy++) s->index_status[copy] = read_index(s, copy, 0);
  ms_header_pack(&m->header, m->index_built);
  int status = settle(s, 0, 0, m->index_built, MS_SECTOR, MS_SECTOR);
  if (status) return status;
  ms_header third = m->header;
  third.sequence = 0;
  third.pending = 0;
  ms_header_pack(&third, m->index_built);
  uint8_t* have = m->index_read[MS_MIRROR];
  status = m->present[MS_BACKUP_FILE] ? ms_card_read(m, m->file[MS_BACKUP_FILE], 0, have, MS_SECTOR)
                                      : MS_E_DAMAGED;
  if (!status && !memcmp(have, m->index_built, MS_SECTOR) && !m->unknown[MS_MIRROR]) return MS_OK;
  if (s->pass == DECIDE) count_repair(s, MS_MIRROR, 1);
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
    for (int copy = 0; copy < MS_SOURCES; copy++) {
      s->slot_status[copy] = read_slots(s, copy, group);
      s->torn[copy] = s->slot_status[copy];
    }
    for (uint32_t slot = first; !status && slot < end; slot += l->records_per_sector) {
      uint32_t sector = 1 + slot / l->records_per_sector;
      uint32_t stop = slot + l->records_per_sector < end ? slot + l->records_per_sector : end;
      for (int copy = 0; copy < MS_SOURCES; copy++) s->index_status[copy] = read_index(s, copy, sector);
      if (pass == DECIDE) status = decide(s, slot, stop);
      look_for_tears(s, slot, stop);
      if (!status) status = ms_build_index_sector(m, sector, m->index_built);
      if (!status) status = settle(s, 0, sector, m->index_built, MS_SECTOR, (stop - slot) * l->record_bytes);
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
  int primary = report->primary_repaired > s->neutral[MS_PRIMARY],
      mirror = report->mirror_repaired > s->neutral[MS_MIRROR];
  report->occupied = report->lost = 0;
  report->from_history = s->from_history;
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
    if (!status && bytes != want[i]) status = m->port->preallocate(m->port->context, m->file[i], want[i], 1);
    if (status) return status;
  }
  m->broken_sizes = 0;
  return ms_card_sync(m);
}

/* Rewrite what differs in one copy; behind the barrier it is known again. */
static int fix(scan* s, int copy) {
  ms_memory* m = s->m;
  int status = visit(s, copy == MS_MIRROR ? FIX_MIRROR : FIX_PRIMARY);
  if (!status) status = ms_card_sync(m);
  if (!status) m->unknown[copy] = 0;
  /* a file that make_whole_files has just made stays absent until it is written */
  if (!status) m->present[copy == MS_MIRROR ? MS_BACKUP_FILE : MS_SLOTS_FILE] = 1;
  if (!status && copy == MS_PRIMARY) m->present[MS_INDEX_FILE] = 1;
  return status;
}

/* Each copy has lost something: a third one first. Without room for it the repair goes on without. */
static int fill_spare(scan* s) {
  ms_memory* m = s->m;
  if (!s->spare_differs || !m->port->remove) return MS_OK;
  int status = ms_spare_make(m);
  if (status == MS_E_CARD_FULL) return ms_spare_remove(m);
  if (!status) status = visit(s, FILL_SPARE);
  if (!status) status = ms_card_sync(m);
  if (!status) m->present[MS_SPARE_FILE] = 1;
  return status;
}

int ms_scan(ms_memory* m, ms_report* report) {
  scan s = {.m = m, .report = report};
  report->primary_repaired = report->mirror_repaired = 0;
  ms_spare_find(m);
  int status = m->header.version > 1 ? ms_log_scan(m, report) : MS_OK;
  report->history_gone = m->header.version > 1 && m->log.missing;
  ms_log_read_tail(m);
  if (!status) status = visit(&s, DECIDE);
  if (status) return status;
  uint32_t primary = report->primary_repaired + s.behind[MS_PRIMARY],
           mirror = report->mirror_repaired + s.behind[MS_MIRROR];
  summarise(&s);
  if (m->read_only) return MS_OK;
  if (m->broken_sizes) status = make_whole_files(m);
  if (!status && report->kept == MS_STATE_MERGED) status = fill_spare(&s);
  if (!status && mirror) status = fix(&s, MS_MIRROR);
  if (!status && primary) status = fix(&s, MS_PRIMARY);
  return status ? status : ms_spare_remove(m);
}
