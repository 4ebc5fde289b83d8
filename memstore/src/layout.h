/* Where everything stands on the card: docs/sd-format.md says the same in prose. */
#ifndef BITMAR_MS_LAYOUT_H
#define BITMAR_MS_LAYOUT_H

#include "memstore.h"

/* The mirror keeps this distance from both ends of its file, so that wherever the card puts the files no
 * sector of it shares a 64 KB-aligned region with a primary sector. */
#define MS_MARGIN 65536u

/* Above it a counter is damage that a CRC did not see: it would overflow, or outlive every later write. */
#define MS_SEQUENCE_LIMIT (1ull << 62)

#define MS_IDENTITY_VERSION 1u
#define MS_IDENTITY 32u /* first bytes of the header: what every record's CRC starts with */
#define MS_TAIL_AT \
  MS_SECTOR            /* in the backup file's first margin: the newest entry, where it needs another copy */
#define MS_KEY_AT 128u /* of the key in a record */

#ifndef MS_BLOCK
#define MS_BLOCK 128u /* entries of a block of the log; tests that want to cross many build with fewer */
#endif

typedef struct {
  uint32_t slots, dim, dtype;
  uint32_t slot_bytes, record_bytes;
  uint32_t slots_per_sector, records_per_sector;
  uint32_t slot_sectors, index_sectors; /* the header is index sector 0 and not counted */
  uint64_t slots_bytes;
  uint32_t entry_sectors;                /* of an entry of the log: a record and its slot */
  uint32_t block_entries, block_sectors; /* of a block in one lane: its header, its entries, a keyframe */
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

/* The header sector. The identity never changes: it says version 1 in both versions, so that the records of a
 * card of version 1 stay valid when it becomes one of version 2. */
typedef struct {
  ms_layout layout;
  uint32_t version;
  uint8_t identity[MS_IDENTITY];
  uint64_t sequence;    /* of the header's last change */
  uint32_t pending;     /* version 1: 1 + the number of the state that a restore is writing, 0: none */
  uint32_t base;        /* position in the log of state 0 */
  uint32_t file_blocks; /* blocks in each file of the log */
  uint32_t first_file;  /* the oldest one that is kept */
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

#define MS_POSITIONS 0x7fffff00u /* of entries that a log can have */

/* ---- the log: blocks of entries in two lanes, history/000000.bin and so on ---- */

/* Bytes of one lane's block, of one lane in a file, of a file. */
static inline uint32_t ms_block_bytes(const ms_layout* l) { return l->block_sectors * MS_SECTOR; }
static inline uint64_t ms_lane_bytes(const ms_layout* l, uint32_t file_blocks) {
  return (uint64_t)file_blocks * ms_block_bytes(l);
}
/* Between the lanes, and between a file's second lane and whatever follows it on the card, is a margin. */
static inline uint64_t ms_log_file_bytes(const ms_layout* l, uint32_t file_blocks) {
  return 2 * (ms_lane_bytes(l, file_blocks) + MS_MARGIN);
}
/* Blocks in each file of a log that is begun with this config. */
uint32_t ms_log_file_blocks(const ms_config* config, const ms_layout* l);

/* Not with a block's first two entries, which its header goes with, where there is room for that. */
static inline uint32_t ms_keyframe_offset(uint32_t step) { return step > 3 ? 2 : step > 1; }
/* The slot whose keyframe is written together with the entry at this place of a block, or `slots`: none. */
static inline uint32_t ms_keyframe_slot(const ms_layout* l, uint32_t place) {
  uint32_t step = l->block_entries / l->slots;
  return place % step == ms_keyframe_offset(step) && place / step < l->slots ? place / step : l->slots;
}
/* The place at which this slot's keyframe is written. */
static inline uint32_t ms_keyframe_place(const ms_layout* l, uint32_t slot) {
  uint32_t step = l->block_entries / l->slots;
  return slot * step + ms_keyframe_offset(step);
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
