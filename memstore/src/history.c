/* states/: complete states, one after the other, in preallocated files.
 *
 * State n is at a fixed place: file n / per_file, position n % per_file. It is one header sector, then the
 * index's and the slots' sectors; the header is written last, behind a barrier, so a state is there whole or
 * not at all. The number of states is found by binary search over headers. Appending needs no mirror: earlier
 * states are never rewritten. */
#include "memory.h"

enum {
  S_NUMBER = 8,
  S_TIME = 12,
  S_CLOCK = 16,
  S_OCCUPIED = 24,
  S_PAYLOAD_CRC = 28,
  S_IDENTITY_CRC = 32,
  S_CRC = 508
};
static const uint8_t magic[8] = {'B', 'I', 'T', 'M', 'A', 'R', 'S', 'T'};

#define DEFAULT_SEGMENT (16u << 20)
/* A damaged region of 64 KB hides fewer states than this (the smallest state has 3 sectors, the configs' 9
 * and more), so the search looks this far before it believes that nothing follows. */
#define LOOK_AHEAD 48u

static uint32_t state_bytes(const ms_layout* l) {
  return (1 + l->index_sectors + l->slot_sectors) * MS_SECTOR;
}

static uint32_t configured_per_file(const ms_config* c, const ms_layout* l) {
  uint32_t bytes = c->segment_bytes ? c->segment_bytes : DEFAULT_SEGMENT;
  uint32_t n = bytes > 2 * MS_MARGIN ? (bytes - 2 * MS_MARGIN) / state_bytes(l) : 0;
  return n ? n : 1;
}

static uint64_t segment_bytes(const ms_layout* l, uint32_t per_file) {
  return 2 * MS_MARGIN + (uint64_t)per_file * state_bytes(l);
}

uint64_t ms_history_capacity(const ms_config* config, uint64_t bytes) {
  ms_layout l;
  if (!config || ms_layout_of(&l, config->slots, config->dim, config->slot_dtype)) return 0;
  uint32_t per_file = configured_per_file(config, &l);
  return bytes / segment_bytes(&l, per_file) * per_file;
}

static int open_segment(ms_memory* m, uint32_t number, int mode) {
  if (m->segment >= 0 && m->segment_number == number) return MS_OK;
  char name[] = "states/000000.bin";
  for (uint32_t i = 12, n = number; i > 6; i--, n /= 10) name[i] = (char)('0' + n % 10);
  if (m->segment >= 0) m->port->close(m->port->context, m->segment);
  m->segment = -1;
  m->segment_number = number;
  return ms_open_file(m, name, mode, &m->segment);
}

static int segment_size(ms_memory* m, uint64_t* bytes) {
  return m->port->size(m->port->context, m->segment, bytes);
}

/* States in each file: what the first file was made for; a later change of segment_bytes does not move
 * anything. */
static int states_per_file(ms_memory* m, uint32_t* per_file) {
  const ms_layout* l = &m->header.layout;
  *per_file = configured_per_file(&m->config, l);
  int status = open_segment(m, 0, m->read_only ? MS_READ : MS_WRITE);
  if (status) return status == MS_E_NO_CARD ? MS_E_NOT_FOUND : status;
  uint64_t bytes = 0;
  status = segment_size(m, &bytes);
  if (!status && bytes >= segment_bytes(l, 1))
    *per_file = (uint32_t)((bytes - 2 * MS_MARGIN) / state_bytes(l));
  return status;
}

typedef struct {
  ms_memory* m;
  uint32_t per_file;
  uint64_t oldest; /* clock of state 0: anything older is left from a deleted archive */
} archive;

static uint64_t offset_of(const archive* a, uint32_t number) {
  return MS_MARGIN + (uint64_t)(number % a->per_file) * state_bytes(&a->m->header.layout);
}

/* Header of a state into scratch[0]: MS_OK, MS_E_NOT_FOUND (no file), MS_E_DAMAGED (not a header) or the
 * card's error. */
static int read_state_header(archive* a, uint32_t number) {
  ms_memory* m = a->m;
  int status = open_segment(m, number / a->per_file, m->read_only ? MS_READ : MS_WRITE);
  uint64_t bytes = 0, at = offset_of(a, number);
  if (!status) status = segment_size(m, &bytes);
  if (!status && bytes < at + state_bytes(&m->header.layout)) status = MS_E_NOT_FOUND;
  if (!status) status = ms_card_read(m, m->segment, at, m->scratch[0], MS_SECTOR);
  if (status) return status == MS_E_NO_CARD ? MS_E_NOT_FOUND : status;
  const uint8_t* s = m->scratch[0];
  int valid = !memcmp(s, magic, sizeof magic) && ms_get32(s + S_NUMBER) == number &&
              ms_get32(s + S_IDENTITY_CRC) == bm_crc32(0, m->header.identity, MS_IDENTITY) &&
              ms_get32(s + S_CRC) == bm_crc32(0, s, S_CRC) && ms_get64(s + S_CLOCK) >= a->oldest;
  return valid ? MS_OK : MS_E_DAMAGED;
}

/* Is there a state at `number` or soon after it? Monotone, however a region of damage lies. */
static int reaches(archive* a, uint32_t number, int* yes) {
  *yes = 0;
  for (uint32_t i = number; i <= number + LOOK_AHEAD; i++) {
    int status = read_state_header(a, i);
    if (status == MS_OK) *yes = 1;
    if (status == MS_OK || status == MS_E_NOT_FOUND) return MS_OK;
    if (status != MS_E_DAMAGED) return status;
  }
  return MS_OK;
}

static int open_archive(ms_memory* m, archive* a) {
  memset(a, 0, sizeof *a);
  a->m = m;
  if (!m->port) return MS_E_NO_CARD;
  int status = states_per_file(m, &a->per_file);
  if (status) return status;
  status = read_state_header(a, 0);
  if (status == MS_OK) a->oldest = ms_get64(m->scratch[0] + S_CLOCK);
  return status == MS_E_DAMAGED || status == MS_E_NOT_FOUND ? MS_OK : status;
}

static int count_states(archive* a, uint32_t* count) {
  uint32_t low = 0, high = 1; /* states below `low` are reached, `high` is not */
  int yes = 0;
  for (;;) {
    int status = reaches(a, high - 1, &yes);
    if (status) return status;
    if (!yes) break;
    low = high;
    if (high > 0x40000000u) return MS_E_CARD_FULL;
    high *= 2;
  }
  while (low + 1 < high) {
    uint32_t middle = low + (high - low) / 2;
    int status = reaches(a, middle - 1, &yes);
    if (status) return status;
    if (yes)
      low = middle;
    else
      high = middle;
  }
  *count = low;
  return MS_OK;
}

int ms_history_count(ms_memory* m, uint32_t* count) {
  if (!m || !count) return MS_E_ARGUMENT;
  *count = 0;
  archive a;
  int status = open_archive(m, &a);
  return status ? (status == MS_E_NOT_FOUND ? MS_OK : status) : count_states(&a, count);
}

static void decode(const uint8_t* sector, ms_state* state) {
  state->number = ms_get32(sector + S_NUMBER);
  state->time = ms_get32(sector + S_TIME);
  state->clock = ms_get64(sector + S_CLOCK);
  state->occupied = ms_get32(sector + S_OCCUPIED);
  state->valid = 1;
}

static int state_info(ms_memory* m, uint32_t number, ms_state* state, archive* a) {
  int status = open_archive(m, a);
  if (!status) status = read_state_header(a, number);
  if (!status) decode(m->scratch[0], state);
  return status;
}

int ms_history_info(ms_memory* m, uint32_t number, ms_state* state) {
  archive a;
  return m && state ? state_info(m, number, state, &a) : MS_E_ARGUMENT;
}

/* Sectors of a state's body: index sector 1.. or slot sector 0.. */
static int read_archived(archive* a, uint32_t number, int slots, uint32_t sector, uint8_t* data) {
  const ms_layout* l = &a->m->header.layout;
  uint32_t at = slots ? 1 + l->index_sectors + sector : sector;
  return ms_card_read(a->m, a->m->segment, offset_of(a, number) + (uint64_t)at * MS_SECTOR, data, MS_SECTOR);
}

/* Every record and slot of a state, against the CRCs. */
static int check_state(archive* a, uint32_t number) {
  ms_memory* m = a->m;
  const ms_layout* l = &m->header.layout;
  int status = read_state_header(a, number);
  uint32_t want = ms_get32(m->scratch[0] + S_PAYLOAD_CRC), crc = 0;
  for (uint32_t i = 1; !status && i <= l->index_sectors; i++) {
    status = read_archived(a, number, 0, i, m->scratch[0]);
    crc = bm_crc32(crc, m->scratch[0], MS_SECTOR);
    for (uint32_t j = 0; !status && j < l->records_per_sector; j++) {
      uint32_t slot = (i - 1) * l->records_per_sector + j;
      if (slot < l->slots &&
          !ms_record_valid(l, m->header.identity, m->scratch[0] + (size_t)j * l->record_bytes, slot))
        status = MS_E_DAMAGED;
    }
  }
  for (uint32_t i = 0; !status && i < l->slot_sectors; i++) {
    status = read_archived(a, number, 1, i, m->scratch[0]);
    crc = bm_crc32(crc, m->scratch[0], MS_SECTOR);
  }
  return status ? status : crc == want ? MS_OK : MS_E_DAMAGED;
}

int ms_history_check(ms_memory* m, uint32_t number, ms_state* state) {
  if (!m || !state) return MS_E_ARGUMENT;
  archive a;
  int status = state_info(m, number, state, &a);
  if (status) return status;
  status = check_state(&a, number);
  state->valid = status == MS_OK;
  return status == MS_E_DAMAGED ? MS_OK : status;
}

int ms_history_find(ms_memory* m, uint32_t unix_seconds, uint32_t* number) {
  if (!m || !number) return MS_E_ARGUMENT;
  archive a;
  uint32_t count = 0;
  int status = open_archive(m, &a);
  if (!status) status = count_states(&a, &count);
  uint32_t low = 0, high = count; /* states below `low` are not later, `high` and above are */
  while (!status && low < high) {
    uint32_t middle = low + (high - low) / 2, probe = middle;
    while (probe < high && (status = read_state_header(&a, probe)) == MS_E_DAMAGED) probe++;
    if (probe == high) {
      high = middle; /* all damaged up to `high` */
      status = MS_OK;
    } else if (!status && ms_get32(m->scratch[0] + S_TIME) <= unix_seconds) {
      low = probe + 1;
      *number = probe;
    } else {
      high = middle;
    }
  }
  if (status) return status;
  return low ? MS_OK : MS_E_NOT_FOUND;
}

static int append(archive* a, uint32_t number) {
  ms_memory* m = a->m;
  const ms_layout* l = &m->header.layout;
  uint64_t bytes = 0, want = segment_bytes(l, a->per_file);
  int status = open_segment(m, number / a->per_file, MS_CREATE);
  if (!status) status = segment_size(m, &bytes);
  if (!status && bytes != want) status = m->port->preallocate(m->port->context, m->segment, want);
  uint64_t at = offset_of(a, number);
  uint32_t crc = 0, occupied = 0;
  for (uint32_t i = 1; !status && i <= l->index_sectors; i++) {
    ms_build_index_sector(m, i, m->scratch[0]);
    crc = bm_crc32(crc, m->scratch[0], MS_SECTOR);
    status = ms_card_write(m, m->segment, at + (uint64_t)i * MS_SECTOR, m->scratch[0], MS_SECTOR);
  }
  for (uint32_t i = 0; !status && i < l->slot_sectors; i++) {
    memset(m->scratch[0], 0, MS_SECTOR);
    for (uint32_t j = 0; !status && j < l->slots_per_sector; j++) {
      uint32_t slot = i * l->slots_per_sector + j;
      if (slot >= l->slots || !ms_occupied(m, slot) || (m->flags[slot] & MS_UNSAVED)) continue;
      status = ms_load_slot(m, slot, m->scratch[0] + (size_t)j * l->slot_bytes);
      occupied++;
    }
    crc = bm_crc32(crc, m->scratch[0], MS_SECTOR);
    if (!status)
      status = ms_card_write(m, m->segment, at + (uint64_t)(1 + l->index_sectors + i) * MS_SECTOR,
                             m->scratch[0], MS_SECTOR);
  }
  if (!status) status = ms_card_sync(m);
  if (status) return status;
  uint8_t* s = m->scratch[0];
  memset(s, 0, MS_SECTOR);
  memcpy(s, magic, sizeof magic);
  ms_put32(s + S_NUMBER, number);
  ms_put32(s + S_TIME, m->time);
  ms_put64(s + S_CLOCK, m->clock);
  ms_put32(s + S_OCCUPIED, occupied);
  ms_put32(s + S_PAYLOAD_CRC, crc);
  ms_put32(s + S_IDENTITY_CRC, bm_crc32(0, m->header.identity, MS_IDENTITY));
  ms_put32(s + S_CRC, bm_crc32(0, s, S_CRC));
  status = ms_card_write(m, m->segment, at, s, MS_SECTOR);
  return status ? status : ms_card_sync(m);
}

int ms_snapshot(ms_memory* m, uint32_t* number) {
  if (!m) return MS_E_ARGUMENT;
  if (!m->port) return MS_E_NO_CARD;
  if (m->read_only) return MS_E_READ_ONLY;
  int status = ms_flush(m);
  if (status) return status;
  archive a;
  uint32_t count = 0;
  status = open_archive(m, &a);
  if (!status) status = count_states(&a, &count);
  if (status == MS_E_NOT_FOUND) { /* no archive yet */
    memset(&a, 0, sizeof a);
    a.m = m;
    a.per_file = configured_per_file(&m->config, &m->header.layout);
    status = MS_OK;
  }
  if (!status) status = append(&a, count);
  if (!status && number) *number = count;
  return status;
}

/* One slot sector and its index sectors from a state: by the write protocol, if they are not so already. */
static int restore_group(archive* a, uint32_t number, uint32_t group) {
  ms_memory* m = a->m;
  const ms_layout* l = &m->header.layout;
  uint32_t first = group * l->slots_per_sector;
  uint32_t end = first + l->slots_per_sector < l->slots ? first + l->slots_per_sector : l->slots;
  uint64_t sequence = m->clock + 1;
  int differs = 0;
  enum { COMPARE, TO_MIRROR, TO_PRIMARY, TO_RAM };
  for (int step = COMPARE; step <= TO_RAM; step++) {
    int copy = step == TO_MIRROR ? MS_MIRROR : MS_PRIMARY, status = MS_OK;
    for (uint32_t at = first; at < end; at += l->records_per_sector) {
      uint32_t sector = 1 + at / l->records_per_sector;
      status = read_archived(a, number, 0, sector, m->scratch[0]);
      if (status) return status;
      for (uint32_t slot = at; slot < at + l->records_per_sector && slot < end; slot++) {
        uint8_t* record = m->scratch[0] + (size_t)(slot - at) * l->record_bytes;
        const uint8_t* ours = ms_record(m, slot);
        if (!ms_record_valid(l, m->header.identity, record, slot)) return MS_E_DAMAGED;
        if (step == COMPARE)
          differs |= (m->flags[slot] != 0) || memcmp(record, ours, MS_R_SEQUENCE) ||
                     memcmp(record + MS_R_TAUGHT, ours + MS_R_TAUGHT, MS_R_CRC - MS_R_TAUGHT) ||
                     memcmp(record + MS_R_NAME, ours + MS_R_NAME, l->record_bytes - MS_R_NAME);
        ms_put64(record + MS_R_SEQUENCE, sequence);
        ms_record_seal(l, m->header.identity, record);
        if (step != TO_RAM) continue;
        ms_hot_drop(m, slot);
        m->flags[slot] = 0;
        memcpy(ms_record(m, slot), record, l->record_bytes);
      }
      if (step == TO_MIRROR || step == TO_PRIMARY)
        status = ms_write_index_sector(m, copy, sector, m->scratch[0]);
      if (status) return status;
    }
    if (step == COMPARE && !differs) return MS_OK;
    if (step != TO_MIRROR && step != TO_PRIMARY) continue;
    status = read_archived(a, number, 1, group, m->scratch[2]);
    if (!status) status = ms_write_slot_sector(m, copy, group, m->scratch[2]);
    if (!status) status = ms_card_sync(m);
    if (status) return status;
  }
  m->clock = sequence;
  return MS_OK;
}

static int apply(ms_memory* m, uint32_t number) {
  archive a;
  int status = open_archive(m, &a);
  if (!status) status = check_state(&a, number);
  for (uint32_t group = 0; !status && group < m->header.layout.slot_sectors; group++)
    status = restore_group(&a, number, group);
  m->metadata_stale = 1;
  return status;
}

int ms_finish_restore(ms_memory* m, ms_report* report) {
  if (m->read_only) return MS_E_READ_ONLY;
  int status = apply(m, m->header.pending - 1);
  int gone = status == MS_E_DAMAGED || status == MS_E_NOT_FOUND;
  if (status && !gone) return status;
  report->restore_finished = gone ? 2 : 1;
  status = ms_commit_header(m, 0);
  report->occupied = 0;
  for (uint32_t i = 0; i < m->config.slots; i++) report->occupied += (uint32_t)ms_occupied(m, i);
  return status;
}

int ms_restore(ms_memory* m, uint32_t number) {
  if (!m) return MS_E_ARGUMENT;
  if (!m->port) return MS_E_NO_CARD;
  int status = ms_writable(m);
  if (status) return status;
  archive a;
  status = open_archive(m, &a);
  if (!status) status = check_state(&a, number);
  /* several sectors are not one write: the header says what is being restored, and open() finishes it */
  if (!status) status = ms_commit_header(m, number + 1);
  if (status) return status;
  status = apply(m, number);
  if (!status) status = ms_commit_header(m, 0);
  if (status) m->unresolved = 1; /* the next write, or the next open, finishes it */
  return status;
}
