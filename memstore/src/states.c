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

static uint64_t offset_of(const ms_archive* a, uint32_t number) {
  return MS_MARGIN + (uint64_t)(number % a->per_file) * state_bytes(&a->m->header.layout);
}

/* MS_OK, MS_E_NOT_FOUND (no file), MS_E_DAMAGED (not a header) or the card's error. */
static int read_state_header(ms_archive* a, uint32_t number, uint8_t* s) {
  ms_memory* m = a->m;
  int status = open_segment(m, number / a->per_file, m->read_only ? MS_READ : MS_WRITE);
  uint64_t bytes = 0, at = offset_of(a, number);
  if (!status) status = segment_size(m, &bytes);
  if (!status && bytes < at + state_bytes(&m->header.layout)) status = MS_E_NOT_FOUND;
  if (!status) status = ms_card_read(m, m->segment, at, s, MS_SECTOR);
  if (status) return status == MS_E_NO_CARD ? MS_E_NOT_FOUND : status;
  int valid = !memcmp(s, magic, sizeof magic) && ms_get32(s + S_NUMBER) == number &&
              ms_get32(s + S_IDENTITY_CRC) == bm_crc32(0, m->header.identity, MS_IDENTITY) &&
              ms_get32(s + S_CRC) == bm_crc32(0, s, S_CRC) && ms_get64(s + S_CLOCK) >= a->oldest;
  return valid ? MS_OK : MS_E_DAMAGED;
}

/* Is there a state at `number` or soon after it? Monotone, however a region of damage lies. */
static int reaches(ms_archive* a, uint32_t number, int* yes) {
  *yes = 0;
  for (uint32_t i = number; i <= number + LOOK_AHEAD; i++) {
    int status = read_state_header(a, i, a->m->index_built);
    if (status == MS_OK) *yes = 1;
    if (status == MS_OK || status == MS_E_NOT_FOUND) return MS_OK;
    if (status != MS_E_DAMAGED) return status;
  }
  return MS_OK;
}

int ms_archive_open(ms_memory* m, ms_archive* a) {
  memset(a, 0, sizeof *a);
  a->m = m;
  if (!m->port) return MS_E_NO_CARD;
  int status = states_per_file(m, &a->per_file);
  if (status) return status;
  status = read_state_header(a, 0, m->index_built);
  if (status == MS_OK) a->oldest = ms_get64(m->index_built + S_CLOCK);
  return status == MS_E_DAMAGED || status == MS_E_NOT_FOUND ? MS_OK : status;
}

int ms_archive_count(ms_archive* a, uint32_t* count) {
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

static int body_sector(const ms_archive* a, uint32_t number, uint32_t sector, uint8_t* data) {
  return ms_card_read(a->m, a->m->segment, offset_of(a, number) + (uint64_t)sector * MS_SECTOR, data,
                      MS_SECTOR);
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
      ms_build_index_sector(m, 1 + i, sector);
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

int ms_archive_append(ms_archive* a, uint32_t number) {
  ms_memory* m = a->m;
  uint64_t bytes = 0, want = segment_bytes(&m->header.layout, a->per_file), at = offset_of(a, number);
  int status = open_segment(m, number / a->per_file, MS_CREATE);
  if (!status) status = segment_size(m, &bytes);
  if (!status && bytes != want) status = m->port->preallocate(m->port->context, m->segment, want);
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
