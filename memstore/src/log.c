/* Writing the log.
 *
 * Entry p goes into lane p % 2 together with a copy of entry p - 1, which is in the other lane only: then a
 * barrier. Whatever is garbled around the sectors that are being written, the other lane has everything that
 * was acknowledged. With the entry goes what else belongs to its place: a block's header with its first one,
 * and now and then the keyframe of a slot. */
#include "memory.h"

/* This slot as the card has it now. MS_E_DAMAGED: it is lost. */
static int pack_keyframe(ms_memory* m, uint32_t block, uint32_t slot) {
  static const ms_deed none;
  const ms_layout* l = &m->header.layout;
  uint8_t* record = m->index_read[MS_PRIMARY];
  uint8_t* content = m->index_read[MS_MIRROR];
  if (!ms_record_intact(m, slot)) return MS_E_DAMAGED;
  memcpy(record, ms_record(m, slot), l->record_bytes);
  memset(content, 0, MS_SECTOR);
  if (m->flags[slot] & MS_UNSAVED)
    ms_record_empty(l, m->header.identity, record, slot, ms_get64(record + MS_R_SEQUENCE));
  if (record[MS_R_STATE] == MS_OCCUPIED) {
    int status = ms_slot_content(m, slot, content);
    if (status) return status;
  }
  ms_entry_pack(m, MS_KEYFRAME | block, record, content, &none, m->log.keyframe);
  return MS_OK;
}

/* An entry and what goes with it into one lane. */
static int emit(ms_memory* m, int lane, uint32_t position, const uint8_t* entry) {
  const ms_layout* l = &m->header.layout;
  uint32_t block = position / l->block_entries, place = position % l->block_entries;
  uint32_t slot = ms_keyframe_slot(l, place);
  int status = MS_OK;
  m->log.touched |= place == 0 || slot < l->slots;
  if (slot < l->slots) status = pack_keyframe(m, block + 1, slot);
  if (slot < l->slots && !status)
    status = ms_log_write(m, lane, block, ms_keyframe_sector(l, slot), m->log.keyframe, l->entry_sectors);
  /* a slot that is lost has no keyframe: whoever wants it finds an older one, or that it is lost */
  if (status == MS_E_DAMAGED) status = MS_OK;
  if (!status && place == 0) status = ms_log_write(m, lane, block, 0, m->log.header, 1);
  if (!status) status = ms_log_write(m, lane, block, ms_entry_sector(l, place), entry, l->entry_sectors);
  return status;
}

/* The newest entry, from RAM if that is still right. */
static const uint8_t* last_entry(ms_memory* m, int* status) {
  const ms_layout* l = &m->header.layout;
  uint32_t position = m->log.end - 1, sector = ms_entry_sector(l, position % l->block_entries);
  ms_deed deed;
  memcpy(m->log.read[0], m->log.last, ms_entry_bytes(l));
  *status = ms_entry_unpack(m, position, m->log.read[0], &deed);
  if (!*status) return m->log.last;
  *status =
      ms_log_read(m, (int)(position & 1), position / l->block_entries, sector, m->log.last, l->entry_sectors);
  return m->log.last;
}

int ms_log_catch_up(ms_memory* m) {
  int status = MS_OK;
  if (!m->log.lag) return MS_OK;
  const uint8_t* entry = last_entry(m, &status);
  return status ? status : emit(m, (int)(m->log.end & 1), m->log.end - 1, entry);
}

/* A barrier for the log alone where the port has one. */
static int sync_log(ms_memory* m) {
  if (m->log.fresh_file || !m->port->sync_file) return ms_card_sync(m);
  return ms_card_sync_file(m, m->segment);
}

static int begin_block(ms_memory* m, uint32_t block) {
  uint32_t earliest = ms_past_earliest(m, block);
  ms_block_pack(m, block, m->clock, earliest, 0, m->log.header);
  m->log.earliest = 0xffffffffu;
  int status = ms_log_need_file(m, block / m->header.file_blocks);
  m->log.fresh_file = block % m->header.file_blocks == 0;
  return status;
}

int ms_log_append(ms_memory* m, const uint8_t* record, const uint8_t* content, const ms_deed* deed) {
  const ms_layout* l = &m->header.layout;
  uint32_t position = m->log.end, block = position / l->block_entries;
  int lane = (int)(position & 1), begins = position % l->block_entries == 0, status = MS_OK;
  if (position >= MS_POSITIONS) return MS_E_HISTORY_FULL;
  m->log.touched = m->log.fresh_file = 0;
  uint32_t earliest = m->log.earliest;
  if (begins) status = ms_log_catch_up(m); /* before the oldest file goes, which may have what it needs */
  if (!status && begins) status = begin_block(m, block);
  if (status) {
    m->log.earliest = earliest;
    return status;
  }
  ms_entry_pack(m, position, record, content, deed, m->log.fresh);
  m->log.unsure = 1;
  m->unresolved = 1;
  if (!begins) status = ms_log_catch_up(m);
  if (!status) status = emit(m, lane, position, m->log.fresh);
  if (!status) status = sync_log(m);
  if (status) return status;
  m->log.unsure = 0;
  m->unresolved = 0;
  m->log.lag = 1;
  m->log.end++;
  memcpy(m->log.last, m->log.fresh, ms_entry_bytes(l));
  if (!deed->more && deed->time && deed->time < m->log.earliest) m->log.earliest = deed->time;
  return MS_OK;
}

/* The newest entry into a third place. It counts only where the lanes end just before it. */
int ms_log_write_tail(ms_memory* m) {
  uint32_t bytes = ms_entry_bytes(&m->header.layout);
  int status = MS_OK;
  for (uint32_t i = 0; !status && i < bytes; i += MS_SECTOR)
    status = ms_card_write(m, m->file[MS_BACKUP_FILE], MS_TAIL_AT + i, m->log.last + i, MS_SECTOR);
  return status;
}

/* An entry of several sectors may be whole only between its places: the record in one, the slot in another.
 */
static int assemble(ms_memory* m, uint32_t position) {
  const ms_layout* l = &m->header.layout;
  uint32_t bytes = ms_entry_bytes(l), block = position / l->block_entries;
  uint32_t sector = ms_entry_sector(l, position % l->block_entries);
  ms_deed deed;
  for (int record = 0; record < 3; record++) {
    for (int content = 0; content < 3; content++) {
      if (record < 2 && content < 2) continue; /* what the lanes have together, the scan has seen */
      for (uint32_t i = 0; i < bytes; i += MS_SECTOR) {
        int from = i ? content : record;
        int status =
            from == 2 ? ms_card_read(m, m->file[MS_BACKUP_FILE], MS_TAIL_AT + i, m->log.tail + i, MS_SECTOR)
                      : ms_log_read(m, from, block, sector + i / MS_SECTOR, m->log.tail + i, 1);
        if (status) memset(m->log.tail + i, 0, MS_SECTOR);
      }
      if (!ms_entry_unpack(m, position, m->log.tail, &deed) && !deed.more) return 1;
    }
  }
  return 0;
}

void ms_log_read_tail(ms_memory* m) {
  m->log.tail_slot = MS_NONE;
  if (m->header.version < 2 || m->log.missing) return;
  for (uint32_t p = m->log.sure; p <= m->log.end && m->log.tail_slot == MS_NONE; p++)
    if (assemble(m, p)) m->log.tail_slot = ms_get16(m->log.tail + MS_R_SLOT);
}

/* In the place of the entry that may or may not be there: nothing, behind a barrier. */
int ms_log_settle(ms_memory* m) {
  const ms_layout* l = &m->header.layout;
  uint32_t block = m->log.end / l->block_entries, place = m->log.end % l->block_entries;
  if (!m->log.unsure) return MS_OK;
  memset(m->log.fresh, 0, ms_entry_bytes(l));
  int status = ms_log_catch_up(m);
  if (!status)
    status = ms_log_write(m, (int)(m->log.end & 1), block, ms_entry_sector(l, place), m->log.fresh,
                          l->entry_sectors);
  if (!status) status = ms_card_sync(m);
  if (status) return status;
  m->log.unsure = 0;
  m->log.lag = 0;
  return MS_OK;
}

/* A file of our own or of another memory is not written over. */
static int find_free_file(ms_memory* m, uint32_t* file) {
  for (*file = m->header.first_file;; ++*file) {
    int there = 0, used = 0, status = ms_log_has_file(m, *file, &there);
    if (status || !there) return status;
    uint32_t block = *file * m->header.file_blocks;
    for (int lane = 0; lane < 2; lane++) {
      status = ms_log_read(m, lane, block, 0, m->slots_built, 1);
      /* in a card of version 1 only a cut can have left one of its own */
      int left = m->header.version == 1 && ms_block_valid(m, block, m->slots_built);
      used |= status == MS_E_IO || (!status && ms_block_any(m->slots_built) && !left);
    }
    if (!used) return MS_OK; /* a cut left it before anything was in it */
  }
}

int ms_log_begin(ms_memory* m, int is_new) {
  const ms_layout* l = &m->header.layout;
  uint32_t file = 0, block;
  if (is_new) {
    m->header.file_blocks = ms_log_file_blocks(&m->config, l);
    m->header.first_file = 0;
  }
  int status = find_free_file(m, &file);
  if (!status) status = ms_log_need_file(m, file);
  if (status == MS_E_CARD_FULL && is_new && m->header.file_blocks > 1) { /* a small card: small files */
    m->header.file_blocks = 1;
    status = ms_log_need_file(m, file);
  }
  if (status) return status;
  block = file * m->header.file_blocks;
  m->header.first_file = file;
  if (is_new) m->header.base = (block + 1) * l->block_entries - 1;
  for (int lane = 0; !status && lane < 2; lane++) {
    for (uint32_t slot = 0; !status && slot < l->slots; slot++) {
      status = pack_keyframe(m, block + 1, slot);
      if (!status)
        status = ms_log_write(m, lane, block, ms_keyframe_sector(l, slot), m->log.keyframe, l->entry_sectors);
      m->log.at[MS_NOW][slot] = MS_KEYFRAME | (block + 1);
    }
    ms_block_pack(m, block, m->clock, 0xffffffffu, 1, m->log.header);
    if (!status) status = ms_log_write(m, lane, block, 0, m->log.header, 1);
    if (!status) status = ms_card_sync(m);
  }
  m->log.missing = status != MS_OK;
  m->log.lag = m->log.unsure = 0;
  m->log.earliest = 0xffffffffu;
  m->log.begun = m->clock;
  m->log.end = (block + 1) * l->block_entries;
  return status;
}
