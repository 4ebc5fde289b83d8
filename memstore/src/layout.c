#include "layout.h"

#include "bytes.h"

static const uint8_t magic[8] = {'B', 'I', 'T', 'M', 'A', 'R', 'M', 'S'};
enum { H_VERSION = 8, H_RECORD = 10, H_SLOTS = 12, H_DIM = 16, H_DTYPE = 18, H_SALT = 20, H_MODEL = 24 };
enum { H_SEQUENCE = 32, H_PENDING = 40, H_MIRROR = 44, H_CRC = 508 };
enum { H_BASE = 48, H_FILE_BLOCKS = 52, H_FIRST_FILE = 56 }; /* of version 2 */
#define DEFAULT_LOG_FILE (2u << 20)

int ms_layout_of(ms_layout* l, uint32_t slots, uint32_t dim, uint32_t dtype) {
  if (!slots || slots > MS_MAX_SLOTS || dim < 16 || dim > MS_MAX_DIM || (dim & (dim - 1)) || dtype > MS_INT8)
    return MS_E_ARGUMENT;
  l->slots = slots;
  l->dim = dim;
  l->dtype = dtype;
  l->slot_bytes = dtype == MS_FP16 ? 2 * dim : dim;
  l->record_bytes = MS_KEY_AT + dim <= 256 ? 256 : 512;
  l->slots_per_sector = MS_SECTOR / l->slot_bytes;
  l->records_per_sector = MS_SECTOR / l->record_bytes;
  l->slot_sectors = (slots + l->slots_per_sector - 1) / l->slots_per_sector;
  l->index_sectors = (slots + l->records_per_sector - 1) / l->records_per_sector;
  l->slots_bytes = (uint64_t)slots * l->slot_bytes;
  l->entry_sectors = (l->record_bytes + l->slot_bytes + MS_SECTOR - 1) / MS_SECTOR;
  l->block_entries = slots > MS_BLOCK ? slots : MS_BLOCK;
  l->block_sectors = 1 + (l->block_entries + slots) * l->entry_sectors;
  return MS_OK;
}

uint32_t ms_log_file_blocks(const ms_config* c, const ms_layout* l) {
  uint32_t bytes = c->segment_bytes ? c->segment_bytes : DEFAULT_LOG_FILE;
  uint32_t blocks = bytes > 2 * MS_MARGIN ? (bytes - 2 * MS_MARGIN) / (2 * ms_block_bytes(l)) : 0;
  return blocks ? blocks : 1;
}

void ms_identity(ms_header* h, const ms_config* config, uint32_t salt) {
  memcpy(h->identity, magic, sizeof magic);
  ms_put16(h->identity + H_VERSION, MS_IDENTITY_VERSION);
  ms_put16(h->identity + H_RECORD, (uint16_t)h->layout.record_bytes);
  ms_put32(h->identity + H_SLOTS, h->layout.slots);
  ms_put16(h->identity + H_DIM, (uint16_t)h->layout.dim);
  ms_put16(h->identity + H_DTYPE, (uint16_t)h->layout.dtype);
  ms_put32(h->identity + H_SALT, salt);
  memcpy(h->identity + H_MODEL, config->model_hash, sizeof config->model_hash);
}

void ms_header_pack(const ms_header* h, uint8_t* sector) {
  memset(sector, 0, MS_SECTOR);
  memcpy(sector, h->identity, MS_IDENTITY);
  ms_put16(sector + H_VERSION, (uint16_t)h->version);
  ms_put64(sector + H_SEQUENCE, h->sequence);
  ms_put32(sector + H_PENDING, h->pending);
  ms_put32(sector + H_MIRROR, MS_MARGIN);
  if (h->version > 1) {
    ms_put32(sector + H_BASE, h->base);
    ms_put32(sector + H_FILE_BLOCKS, h->file_blocks);
    ms_put32(sector + H_FIRST_FILE, h->first_file);
  }
  ms_put32(sector + H_CRC, bm_crc32(0, sector, H_CRC));
}

int ms_header_unpack(const uint8_t* sector, ms_header* h) {
  if (memcmp(sector, magic, sizeof magic) || ms_get32(sector + H_CRC) != bm_crc32(0, sector, H_CRC))
    return MS_E_FORMAT;
  h->version = ms_get16(sector + H_VERSION);
  if (h->version < MS_IDENTITY_VERSION || h->version > MS_FORMAT_VERSION) return MS_E_VERSION;
  memcpy(h->identity, sector, MS_IDENTITY);
  ms_put16(h->identity + H_VERSION, MS_IDENTITY_VERSION);
  h->sequence = ms_get64(sector + H_SEQUENCE);
  h->pending = ms_get32(sector + H_PENDING);
  if (ms_layout_of(&h->layout, ms_get32(sector + H_SLOTS), ms_get16(sector + H_DIM),
                   ms_get16(sector + H_DTYPE)) ||
      ms_get16(sector + H_RECORD) != h->layout.record_bytes || h->sequence >= MS_SEQUENCE_LIMIT ||
      ms_get32(sector + H_MIRROR) != MS_MARGIN)
    return MS_E_FORMAT;
  h->base = h->file_blocks = h->first_file = 0;
  if (h->version == 1) return MS_OK;
  h->base = ms_get32(sector + H_BASE);
  h->file_blocks = ms_get32(sector + H_FILE_BLOCKS);
  h->first_file = ms_get32(sector + H_FIRST_FILE);
  uint64_t most = MS_POSITIONS / h->layout.block_entries;
  if (!h->file_blocks || h->file_blocks > most || h->first_file >= most / h->file_blocks ||
      h->base >= (h->first_file * h->file_blocks + 1) * h->layout.block_entries)
    return MS_E_FORMAT;
  return MS_OK;
}

uint32_t ms_record_crc(const ms_layout* l, const uint8_t* identity, const uint8_t* record) {
  uint32_t crc = bm_crc32(0, identity, MS_IDENTITY);
  crc = bm_crc32(crc, record, MS_R_CRC);
  return bm_crc32(crc, record + MS_R_NAME, l->record_bytes - MS_R_NAME);
}

void ms_record_seal(const ms_layout* l, const uint8_t* identity, uint8_t* record) {
  ms_put32(record + MS_R_CRC, ms_record_crc(l, identity, record));
}

int ms_record_valid(const ms_layout* l, const uint8_t* identity, const uint8_t* record, uint32_t slot) {
  if (ms_get16(record + MS_R_SLOT) != slot || record[MS_R_STATE] > MS_LOST ||
      ms_get32(record + MS_R_CRC) != ms_record_crc(l, identity, record))
    return 0;
  /* the CRC is no proof against a file made to deceive: nothing below may be trusted for it */
  if (ms_get64(record + MS_R_SEQUENCE) >= MS_SEQUENCE_LIMIT ||
      ms_get64(record + MS_R_LAST_ACCESS) >= MS_SEQUENCE_LIMIT ||
      ms_get64(record + MS_R_TAUGHT) >= MS_SEQUENCE_LIMIT || record[MS_R_NAME + MS_NAME_BYTES - 1])
    return 0;
  if (record[MS_R_STATE] == MS_EMPTY) return ms_get32(record + MS_R_SLOT_CRC) == ms_zeros_crc(l);
  const char* name = (const char*)record + MS_R_NAME;
  if (strlen(name) != record[MS_R_NAME_BYTES]) return 0;
  if (record[MS_R_STATE] == MS_LOST) return ms_get32(record + MS_R_SLOT_CRC) == ms_zeros_crc(l);
  return ms_check_name(name) == MS_OK && ms_finite(ms_getf(record + MS_R_IMPORTANCE)) &&
         ms_finite(ms_getf(record + MS_R_KEY_SCALE)) && ms_finite(ms_getf(record + MS_R_SLOT_SCALE));
}

uint32_t ms_zeros_crc(const ms_layout* l) {
  static const uint8_t zeros[32];
  uint32_t crc = 0; /* slots are multiples of 16 bytes */
  for (uint32_t i = 0; i < l->slot_bytes; i += 16) crc = bm_crc32(crc, zeros, 16);
  return crc;
}

void ms_record_empty(const ms_layout* l, const uint8_t* identity, uint8_t* record, uint32_t slot,
                     uint64_t sequence) {
  memset(record, 0, l->record_bytes);
  ms_put16(record + MS_R_SLOT, (uint16_t)slot);
  ms_put32(record + MS_R_SLOT_CRC, ms_zeros_crc(l));
  ms_put64(record + MS_R_SEQUENCE, sequence);
  ms_record_seal(l, identity, record);
}
