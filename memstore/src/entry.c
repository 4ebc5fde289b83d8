/* Entries, keyframes and block headers of the log. An entry is a record and its slot as they stand in the
 * index and the slots file, but for two things: the last byte of the name, 0 there, says here what the write
 * did, and the CRC covers the place in the log too, so that an entry that the card wrote elsewhere is none.
 */
#include "memory.h"

enum { TAG_AT = MS_R_NAME + MS_NAME_BYTES - 1, TAG_ACTION = 15, TAG_MORE = 128 };
static const uint8_t magic[8] = {'B', 'I', 'T', 'M', 'A', 'R', 'L', 'G'};
enum { B_NUMBER = 8, B_IDENTITY_CRC = 12, B_SEQUENCE = 16, B_EARLIEST = 24, B_BEGINS = 28, B_CRC = 508 };

static int is_taught(uint8_t action) { return action >= MS_WRITE_NEW && action <= MS_WRITE_EVICTED; }

static uint32_t crc_of(const ms_memory* m, uint32_t where, const uint8_t* entry) {
  uint8_t place[4];
  ms_put32(place, where);
  uint32_t crc = bm_crc32(bm_crc32(0, m->header.identity, MS_IDENTITY), place, sizeof place);
  crc = bm_crc32(crc, entry, MS_R_CRC);
  return bm_crc32(crc, entry + MS_R_NAME, m->header.layout.record_bytes - MS_R_NAME);
}

void ms_entry_pack(const ms_memory* m, uint32_t where, const uint8_t* record, const uint8_t* content,
                   const ms_deed* deed, uint8_t* entry) {
  const ms_layout* l = &m->header.layout;
  memset(entry, 0, ms_entry_bytes(l));
  memcpy(entry, record, l->record_bytes);
  memcpy(entry + l->record_bytes, content, l->slot_bytes);
  if (record[MS_R_STATE] == MS_EMPTY) { /* an empty record has neither */
    ms_put32(entry + MS_R_TIME, deed->time);
    entry[MS_R_NAME_BYTES] = (uint8_t)strlen(deed->name);
    memcpy(entry + MS_R_NAME, deed->name, strlen(deed->name));
  }
  entry[TAG_AT] = (uint8_t)(deed->action | (deed->more ? TAG_MORE : 0));
  ms_put32(entry + MS_R_CRC, crc_of(m, where, entry));
}

int ms_entry_unpack(const ms_memory* m, uint32_t where, uint8_t* entry, ms_deed* deed) {
  const ms_layout* l = &m->header.layout;
  uint32_t slot = ms_get16(entry + MS_R_SLOT);
  if (slot >= l->slots || entry[MS_R_STATE] > MS_LOST ||
      ms_get32(entry + MS_R_CRC) != crc_of(m, where, entry) ||
      ms_get32(entry + MS_R_SLOT_CRC) != bm_crc32(0, entry + l->record_bytes, l->slot_bytes))
    return MS_E_DAMAGED;
  deed->action = entry[TAG_AT] & TAG_ACTION;
  deed->more = (entry[TAG_AT] & TAG_MORE) != 0;
  deed->time = is_taught(deed->action) || entry[MS_R_STATE] == MS_EMPTY ? ms_get32(entry + MS_R_TIME) : 0;
  entry[TAG_AT] = 0;
  memcpy(deed->name, entry + MS_R_NAME, MS_NAME_BYTES);
  if (entry[MS_R_STATE] == MS_EMPTY)
    ms_record_empty(l, m->header.identity, entry, slot, ms_get64(entry + MS_R_SEQUENCE));
  else
    ms_record_seal(l, m->header.identity, entry);
  return ms_record_valid(l, m->header.identity, entry, slot) ? MS_OK : MS_E_DAMAGED;
}

void ms_block_pack(const ms_memory* m, uint32_t block, uint64_t sequence, uint32_t earliest, int begins,
                   uint8_t* sector) {
  memset(sector, 0, MS_SECTOR);
  memcpy(sector, magic, sizeof magic);
  ms_put32(sector + B_NUMBER, block);
  ms_put32(sector + B_IDENTITY_CRC, bm_crc32(0, m->header.identity, MS_IDENTITY));
  ms_put64(sector + B_SEQUENCE, sequence);
  ms_put32(sector + B_EARLIEST, earliest);
  ms_put32(sector + B_BEGINS, (uint32_t)begins);
  ms_put32(sector + B_CRC, bm_crc32(0, sector, B_CRC));
}

int ms_block_any(const uint8_t* s) {
  return !memcmp(s, magic, sizeof magic) && ms_get32(s + B_CRC) == bm_crc32(0, s, B_CRC);
}

int ms_block_valid(const ms_memory* m, uint32_t block, const uint8_t* s) {
  uint64_t sequence = ms_block_sequence(s);
  return ms_block_any(s) && ms_get32(s + B_NUMBER) == block && sequence < MS_SEQUENCE_LIMIT &&
         sequence >= m->log.begun &&
         ms_get32(s + B_IDENTITY_CRC) == bm_crc32(0, m->header.identity, MS_IDENTITY);
}

uint64_t ms_block_sequence(const uint8_t* sector) { return ms_get64(sector + B_SEQUENCE); }
int ms_block_begins(const uint8_t* sector) { return ms_get32(sector + B_BEGINS) != 0; }
uint32_t ms_block_earliest(const uint8_t* sector) { return ms_get32(sector + B_EARLIEST); }

int ms_block_read(ms_memory* m, uint32_t block, uint8_t* sector) {
  int status = MS_E_DAMAGED;
  for (int lane = 0; lane < 2; lane++) {
    int read = ms_log_read(m, lane, block, 0, sector, 1);
    if (!read && ms_block_valid(m, block, sector)) return MS_OK;
    if (read) status = read;
  }
  return status;
}

/* The valid entry of this slot (MS_NONE: any) in this place: from the lane into which it was written first,
 * else from the other. */
static const uint8_t* valid_entry(ms_memory* m, uint32_t position, uint32_t sector, uint32_t where,
                                  uint32_t slot, ms_deed* deed, int* status) {
  const ms_layout* l = &m->header.layout;
  uint8_t* entry = m->log.read[0];
  ms_deed local;
  *status = MS_E_DAMAGED;
  for (uint32_t i = 0; i < 2; i++) {
    int lane = (int)((position + i) & 1);
    int read = ms_log_read(m, lane, position / l->block_entries, sector, entry, l->entry_sectors);
    if (read) *status = read;
    if (read || ms_entry_unpack(m, where, entry, deed ? deed : &local) || !ms_entry_is_of(entry, slot))
      continue;
    *status = MS_OK;
    return entry;
  }
  if (where + 1 != m->log.end) return NULL;
  memcpy(entry, m->log.last, ms_entry_bytes(l)); /* the newest one is in one lane only, and in RAM */
  if (ms_entry_unpack(m, where, entry, deed ? deed : &local)) return NULL;
  *status = MS_OK;
  return entry;
}

static const uint8_t* entry_of(ms_memory* m, uint32_t position, uint32_t slot, ms_deed* deed, int* status) {
  const ms_layout* l = &m->header.layout;
  uint32_t sector = ms_entry_sector(l, position % l->block_entries);
  return valid_entry(m, position, sector, position, slot, deed, status);
}

const uint8_t* ms_entry_at(ms_memory* m, uint32_t position, ms_deed* deed, int* status) {
  return entry_of(m, position, MS_NONE, deed, status);
}

/* The keyframe that a block begins with stands in the block before it. */
const uint8_t* ms_keyframe_of(ms_memory* m, uint32_t block, uint32_t slot, int* status) {
  const ms_layout* l = &m->header.layout;
  uint32_t position = (block - 1) * l->block_entries + ms_keyframe_place(l, slot);
  return valid_entry(m, position, ms_keyframe_sector(l, slot), MS_KEYFRAME | block, slot, NULL, status);
}

const uint8_t* ms_entry_where(ms_memory* m, uint32_t slot, uint32_t where, int* status) {
  *status = MS_E_NOT_FOUND;
  if (!where) return NULL;
  if (where & MS_KEYFRAME) return ms_keyframe_of(m, where & ~MS_KEYFRAME, slot, status);
  return entry_of(m, where - 1, slot, NULL, status);
}

/* Nothing but the sequence, the counters and the seal tells them apart. */
int ms_same_record(const ms_layout* l, const uint8_t* a, const uint8_t* b) {
  return !memcmp(a, b, MS_R_SEQUENCE) && !memcmp(a + MS_R_TAUGHT, b + MS_R_TAUGHT, 8) &&
         !memcmp(a + MS_R_IMPORTANCE, b + MS_R_IMPORTANCE, MS_R_CRC - MS_R_IMPORTANCE) &&
         !memcmp(a + MS_R_NAME, b + MS_R_NAME, l->record_bytes - MS_R_NAME);
}
