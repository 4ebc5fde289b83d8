/* states/: complete states, one after the other, in preallocated files.
 *
 * State n is at a fixed place: file n / per_file, position n % per_file. It is one header sector, then the
 * index's and the slots' sectors; the header is written last, behind a barrier, so a state is there whole or
 * not at all. The number of states is found by binary search over headers; one that cannot be read, or a file
 * that is missing, hides neither those before nor those behind it. Appending needs no mirror: earlier states
 * are never rewritten. */
#include "memory.h"

enum {
  S_NUMBER = 8,
  S_TIME = 12,
  S_CLOCK = 16,
  S_OCCUPIED = 24,
  S_PAYLOAD_CRC = 28,
  S_IDENTITY_CRC = 32,
  S_KNOWN = 36, /* the time, or where it is unknown the last one that was known in this run */
  S_RUN = 40,   /* how often the clock had been set back */
  S_CRC = 508
};
static const uint8_t magic[8] = {'B', 'I', 'T', 'M', 'A', 'R', 'S', 'T'};

#define DEFAULT_SEGMENT (16u << 20)
/* A damaged region of 64 KB hides fewer states than this (the smallest state has 3 sectors, the configs' 9
 * and more), so the search looks this far before it believes that nothing follows. */
#define LOOK_AHEAD 48u
#define MISSING_FILES 3u /* so many in a row hide nothing behind them */

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

static int open_segment(ms_memory* m, uint32_t number, int mode) {
  if (m->segment >= 0 && m->segment_number == number) return MS_OK;
  char name[] = "states/000000.bin";
  for (uint32_t i = 12, n = number; i > 6; i--, n /= 10) name[i] = (char)('0' + n % 10);
  int status = m->segment >= 0 ? m->port->close(m->port->context, m->segment) : MS_OK;
  m->segment = -1;
  m->segment_number = number;
  return status ? status : ms_open_file(m, name, mode, &m->segment);
}

static int segment_size(ms_memory* m, uint64_t* bytes) {
  return m->port->size(m->port->context, m->segment, bytes);
}

/* States in each file: what the first file was made for; a later change of segment_bytes does not move
 * anything. */
static int states_per_file(ms_memory* m, uint32_t* per_file) {
  const ms_layout* l = &m->header.layout;
  *per_file = configured_per_file(&m->config, l);
  int status = MS_E_NOT_FOUND;
  for (uint32_t i = 0; status == MS_E_NOT_FOUND && i <= MISSING_FILES; i++)
    status = open_segment(m, i, m->read_only ? MS_READ : MS_WRITE);
  if (status) return status == MS_E_NO_CARD ? MS_E_NOT_FOUND : status;
  uint64_t bytes = 0;
  status = segment_size(m, &bytes);
  uint64_t whole = bytes < 2 * MS_MARGIN ? 0 : (bytes - 2 * MS_MARGIN) / state_bytes(l);
  if (!status && whole && whole <= 0xffffffffu) *per_file = (uint32_t)whole;
  return status;
}

static uint64_t offset_of(const ms_archive* a, uint32_t number) {
  return MS_MARGIN + (uint64_t)(number % a->per_file) * state_bytes(&a->m->header.layout);
}

static int valid_header(const uint8_t* s, uint32_t number) {
  return !memcmp(s, magic, sizeof magic) && ms_get32(s + S_NUMBER) == number &&
         ms_get32(s + S_CRC) == bm_crc32(0, s, S_CRC);
}

static int is_ours(const ms_memory* m, const uint8_t* s) {
  return ms_get32(s + S_IDENTITY_CRC) == bm_crc32(0, m->header.identity, MS_IDENTITY);
}

/* MS_OK, MS_E_NOT_FOUND (no file), MS_E_DAMAGED (not a header, not readable), MS_E_MIXED (another memory's).
 */
static int read_state_header(ms_archive* a, uint32_t number, uint8_t* s) {
  ms_memory* m = a->m;
  int status = open_segment(m, number / a->per_file, m->read_only ? MS_READ : MS_WRITE);
  uint64_t bytes = 0, at = offset_of(a, number);
  if (!status) status = segment_size(m, &bytes);
  if (status) return status == MS_E_NO_CARD ? MS_E_NOT_FOUND : status;
  if (bytes < at + state_bytes(&m->header.layout)) return MS_E_DAMAGED; /* a file that was cut short */
  if (ms_card_read(m, m->segment, at, s, MS_SECTOR) || !valid_header(s, number)) return MS_E_DAMAGED;
  return is_ours(m, s) ? MS_OK : MS_E_MIXED;
}

/* Is there a state at `number` or soon after it? Monotone, however a region of damage lies. */
static int reaches(ms_archive* a, uint32_t number, int* yes) {
  uint32_t looked = 0, missing = 0;
  *yes = 0;
  while (looked <= LOOK_AHEAD && missing <= MISSING_FILES) {
    int status = read_state_header(a, number, a->m->index_built);
    if (status == MS_OK) *yes = 1;
    if (status == MS_OK) return MS_OK;
    if (status != MS_E_DAMAGED && status != MS_E_NOT_FOUND && status != MS_E_MIXED) return status;
    uint32_t step = status == MS_E_NOT_FOUND ? a->per_file - number % a->per_file : 1;
    if (number > 0xffffffffu - step) return MS_OK;
    number += step;
    looked += status != MS_E_NOT_FOUND;
    missing += status == MS_E_NOT_FOUND;
  }
  return MS_OK;
}

int ms_archive_open(ms_memory* m, ms_archive* a) {
  memset(a, 0, sizeof *a);
  a->m = m;
  return m->port ? states_per_file(m, &a->per_file) : MS_E_NO_CARD;
}

int ms_archive_close(ms_memory* m, int status) {
  int closed = m->segment >= 0 ? m->port->close(m->port->context, m->segment) : MS_OK;
  m->segment = -1;
  return status ? status : closed;
}

int ms_archive_count(ms_archive* a, uint32_t* count) {
  uint32_t low = 0, high = 1; /* states below `low` are reached, `high` is not */
  int yes = 0;
  for (;;) {
    int status = reaches(a, high - 1, &yes);
    if (status) return status;
    if (!yes) break;
    low = high;
    if (high > 0x40000000u) break;
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

int ms_archive_header(ms_archive* a, uint32_t number, ms_state* state) {
  const uint8_t* s = a->m->index_built;
  int status = read_state_header(a, number, a->m->index_built);
  if (status) return status;
  state->number = ms_get32(s + S_NUMBER);
  state->time = ms_get32(s + S_TIME);
  state->clock = ms_get64(s + S_CLOCK);
  state->occupied = ms_get32(s + S_OCCUPIED);
  state->valid = 1;
  return MS_OK;
}

int ms_archive_when(ms_archive* a, uint32_t number, ms_when* when) {
  const uint8_t* s = a->m->index_built;
  int status = read_state_header(a, number, a->m->index_built);
  if (status) return status;
  when->time = ms_get32(s + S_TIME);
  when->known = ms_get32(s + S_KNOWN) ? ms_get32(s + S_KNOWN) : when->time;
  when->run = ms_get32(s + S_RUN);
  return MS_OK;
}

/* What cannot be read is as bad as damaged. */
static int body_sector(const ms_archive* a, uint32_t number, uint32_t sector, uint8_t* data) {
  uint64_t at = offset_of(a, number) + (uint64_t)sector * MS_SECTOR;
  return ms_card_read(a->m, a->m->segment, at, data, MS_SECTOR) ? MS_E_DAMAGED : MS_OK;
}

int ms_archive_index_sector(ms_archive* a, uint32_t number, uint32_t sector, uint8_t* data) {
  return body_sector(a, number, sector, data);
}

int ms_archive_slot_sector(ms_archive* a, uint32_t number, uint32_t sector, uint8_t* data) {
  return body_sector(a, number, 1 + a->m->header.layout.index_sectors + sector, data);
}

int ms_archive_check(ms_archive* a, uint32_t number) {
  ms_memory* m = a->m;
  const ms_layout* l = &m->header.layout;
  uint8_t* sector = m->index_built;
  int status = read_state_header(a, number, sector);
  uint32_t want = ms_get32(sector + S_PAYLOAD_CRC), crc = 0;
  for (uint32_t i = 1; !status && i <= l->index_sectors; i++) {
    status = ms_archive_index_sector(a, number, i, sector);
    crc = bm_crc32(crc, sector, MS_SECTOR);
    for (uint32_t j = 0; !status && j < l->records_per_sector; j++) {
      uint32_t slot = (i - 1) * l->records_per_sector + j;
      if (slot < l->slots &&
          !ms_record_valid(l, m->header.identity, sector + (size_t)j * l->record_bytes, slot))
        status = MS_E_DAMAGED;
    }
  }
  for (uint32_t i = 0; !status && i < l->slot_sectors; i++) {
    status = ms_archive_slot_sector(a, number, i, sector);
    crc = bm_crc32(crc, sector, MS_SECTOR);
  }
  return status ? status : crc == want ? MS_OK : MS_E_DAMAGED;
}

/* Write the saved memory as the body of a state; tells the body's CRC and how many slots are in use. */
static int write_body(ms_archive* a, uint64_t at, uint32_t* crc, uint32_t* occupied) {
  ms_memory* m = a->m;
  const ms_layout* l = &m->header.layout;
  int status = MS_OK;
  *crc = *occupied = 0;
  for (uint32_t i = 0; !status && i < l->index_sectors + l->slot_sectors; i++) {
    uint8_t* sector = m->index_built;
    at += MS_SECTOR;
    if (i < l->index_sectors) {
      status = ms_build_index_sector(m, 1 + i, sector);
    } else {
      uint32_t first = (i - l->index_sectors) * l->slots_per_sector;
      sector = m->slots_built;
      memset(sector, 0, MS_SECTOR);
      for (uint32_t j = 0; !status && j < l->slots_per_sector && first + j < l->slots; j++) {
        if (!ms_occupied(m, first + j) || (m->flags[first + j] & MS_UNSAVED)) continue;
        status = ms_load_slot(m, first + j, sector + (size_t)j * l->slot_bytes);
        ++*occupied;
      }
    }
    *crc = bm_crc32(*crc, sector, MS_SECTOR);
    if (!status) status = ms_card_write(m, m->segment, at, sector, MS_SECTOR);
  }
  return status;
}

/* The last time that was known before this state, and its run. */
static void time_before(ms_archive* a, uint32_t number, ms_when* when) {
  memset(when, 0, sizeof *when);
  for (uint32_t i = 0; i < LOOK_AHEAD && number; i++)
    if (ms_archive_when(a, --number, when) == MS_OK) return;
}

int ms_archive_append(ms_archive* a, uint32_t number) {
  ms_memory* m = a->m;
  uint64_t bytes = 0, want = segment_bytes(&m->header.layout, a->per_file), at = offset_of(a, number);
  ms_when before;
  time_before(a, number, &before);
  /* the archive of a memory that was deleted is not written over */
  int status = read_state_header(a, number, m->index_built);
  if (status == MS_OK || status == MS_E_MIXED) return MS_E_MIXED;
  status = open_segment(m, number / a->per_file, MS_CREATE);
  if (!status) status = segment_size(m, &bytes);
  if (!status && bytes != want) status = m->port->preallocate(m->port->context, m->segment, want, 0);
  uint32_t crc = 0, occupied = 0;
  if (!status) status = write_body(a, at, &crc, &occupied);
  if (!status) status = ms_card_sync(m);
  if (status) return status;
  uint8_t* s = m->index_built;
  memset(s, 0, MS_SECTOR);
  memcpy(s, magic, sizeof magic);
  ms_put32(s + S_NUMBER, number);
  ms_put32(s + S_TIME, m->time);
  ms_put64(s + S_CLOCK, m->clock);
  ms_put32(s + S_OCCUPIED, occupied);
  ms_put32(s + S_PAYLOAD_CRC, crc);
  ms_put32(s + S_IDENTITY_CRC, bm_crc32(0, m->header.identity, MS_IDENTITY));
  ms_put32(s + S_KNOWN, m->time ? m->time : before.known);
  ms_put32(s + S_RUN, before.run + (m->time && m->time < before.known));
  ms_put32(s + S_CRC, bm_crc32(0, s, S_CRC));
  status = ms_card_write(m, m->segment, at, s, MS_SECTOR);
  return status ? status : ms_card_sync(m);
}

uint64_t ms_history_capacity(const ms_config* config, uint64_t bytes) {
  ms_layout l;
  if (!config || ms_layout_of(&l, config->slots, config->dim, config->slot_dtype)) return 0;
  uint32_t per_file = configured_per_file(config, &l);
  return bytes / segment_bytes(&l, per_file) * per_file;
}
