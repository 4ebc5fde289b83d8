#include "layout.h"

#include "bytes.h"

static const uint8_t magic[8] = {'B', 'I', 'T', 'M', 'A', 'R', 'M', 'S'};
enum { H_VERSION = 8, H_RECORD = 10, H_SLOTS = 12, H_DIM = 16, H_DTYPE = 18, H_SALT = 20, H_MODEL = 24 };
enum { H_SEQUENCE = 32, H_PENDING = 40, H_MIRROR = 44, H_CRC = 508 };

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
  return MS_OK;
}

void ms_identity(ms_header* h, const ms_config* config, uint32_t salt) {
  memcpy(h->identity, magic, sizeof magic);
  ms_put16(h->identity + H_VERSION, MS_FORMAT_VERSION);
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
  ms_put64(sector + H_SEQUENCE, h->sequence);
  ms_put32(sector + H_PENDING, h->pending);
  ms_put32(sector + H_MIRROR, MS_MARGIN);
  ms_put32(sector + H_CRC, bm_crc32(0, sector, H_CRC));
}

int ms_header_unpack(const uint8_t* sector, ms_header* h) {
  if (memcmp(sector, magic, sizeof magic) || ms_get32(sector + H_CRC) != bm_crc32(0, sector, H_CRC))
    return MS_E_FORMAT;
  h->version = ms_get16(sector + H_VERSION);
  if (h->version != MS_FORMAT_VERSION) return MS_E_VERSION;
  memcpy(h->identity, sector, MS_IDENTITY);
  h->sequence = ms_get64(sector + H_SEQUENCE);
  h->pending = ms_get32(sector + H_PENDING);
  if (ms_layout_of(&h->layout, ms_get32(sector + H_SLOTS), ms_get16(sector + H_DIM),
                   ms_get16(sector + H_DTYPE)) ||
      ms_get16(sector + H_RECORD) != h->layout.record_bytes || h->sequence >= MS_SEQUENCE_LIMIT ||
      ms_get32(sector + H_MIRROR) != MS_MARGIN)
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
