/* Where everything stands on the card: docs/sd-format.md says the same in prose. */
#ifndef BITMAR_MS_LAYOUT_H
#define BITMAR_MS_LAYOUT_H

#include "memstore.h"

/* The mirror keeps this distance from both ends of its file, so that wherever the card puts the files no
 * sector of it shares a 64 KB-aligned region with a primary sector. */
#define MS_MARGIN 65536u

/* Above it a counter is damage that a CRC did not see: it would overflow, or outlive every later write. */
#define MS_SEQUENCE_LIMIT (1ull << 62)

#define MS_IDENTITY 32u /* first bytes of the header: what every record's CRC starts with */
#define MS_KEY_AT 128u  /* of the key in a record */

typedef struct {
  uint32_t slots, dim, dtype;
  uint32_t slot_bytes, record_bytes;
  uint32_t slots_per_sector, records_per_sector;
  uint32_t slot_sectors, index_sectors; /* the header is index sector 0 and not counted */
  uint64_t slots_bytes;
} ms_layout;

/* What a record of the index says of its slot; byte offsets in a record. */
enum { MS_EMPTY = 0, MS_OCCUPIED = 1, MS_LOST = 2 };
enum {
  MS_R_STATE = 0,
  MS_R_NAME_BYTES = 1,
  MS_R_SLOT = 2,
  MS_R_SLOT_CRC = 4,
  MS_R_SEQUENCE = 8,
  MS_R_TAUGHT = 16,
  MS_R_LAST_ACCESS = 24,
  MS_R_USES = 32,
  MS_R_IMPORTANCE = 36,
  MS_R_KEY_SCALE = 40,
  MS_R_SLOT_SCALE = 44,
  MS_R_TIME = 48,
  MS_R_WRITES = 52,
  MS_R_FLAGS = 56, /* MS_RECORD_DECODES, MS_RECORD_KEPT */
  MS_R_VIEWS = 58, /* n; 0 on cards of version 0.1, counts as 1 */
  MS_R_CRC = 60,
  MS_R_NAME = 64
};

enum { MS_RECORD_DECODES = 1, MS_RECORD_KEPT = 2 };

/* The header sector. The first MS_IDENTITY bytes never change. */
typedef struct {
  ms_layout layout;
  uint32_t version;
  uint8_t identity[MS_IDENTITY];
  uint64_t sequence; /* of the header's last change */
  uint32_t pending;  /* 1 + the number of the state that a restore is writing, 0: none */
} ms_header;

/* MS_E_ARGUMENT if K, D and dtype do not fit together. */
int ms_layout_of(ms_layout* layout, uint32_t slots, uint32_t dim, uint32_t dtype);

static inline uint64_t ms_index_bytes(const ms_layout* l) {
  return (uint64_t)(1 + l->index_sectors) * MS_SECTOR;
}
static inline uint64_t ms_mirror_index_at(uint32_t sector) {
  return MS_MARGIN + (uint64_t)sector * MS_SECTOR;
}
static inline uint64_t ms_mirror_slots_at(const ms_layout* l, uint32_t sector) {
  return MS_MARGIN + ms_index_bytes(l) + (uint64_t)sector * MS_SECTOR;
}
static inline uint64_t ms_backup_bytes(const ms_layout* l) {
  return ms_mirror_slots_at(l, l->slot_sectors) + MS_MARGIN;
}
/* bytes of the slots file that its sector holds: 512, but for the last one of an odd size */
static inline uint32_t ms_slot_sector_bytes(const ms_layout* l, uint32_t sector) {
  uint64_t rest = l->slots_bytes - (uint64_t)sector * MS_SECTOR;
  return rest < MS_SECTOR ? (uint32_t)rest : MS_SECTOR;
}

void ms_header_pack(const ms_header* header, uint8_t* sector);
/* MS_OK, MS_E_FORMAT (not a header or damaged) or MS_E_VERSION (only `version` is set). */
int ms_header_unpack(const uint8_t* sector, ms_header* header);
void ms_identity(ms_header* header, const ms_config* config, uint32_t salt);

/* CRC of a record under an identity; seal stores it. */
uint32_t ms_record_crc(const ms_layout* l, const uint8_t* identity, const uint8_t* record);
void ms_record_seal(const ms_layout* l, const uint8_t* identity, uint8_t* record);
/* A valid record of this slot: CRC and every field in range. */
int ms_record_valid(const ms_layout* l, const uint8_t* identity, const uint8_t* record, uint32_t slot);
/* The one form of an empty record: so it can be written again without having been read. */
void ms_record_empty(const ms_layout* l, const uint8_t* identity, uint8_t* record, uint32_t slot,
                     uint64_t sequence);
uint32_t ms_zeros_crc(const ms_layout* l);

#endif
