#include "memory.h"

static uint32_t micros(const ms_memory* m) { return m->port->micros ? m->port->micros(m->port->context) : 0; }

static uint64_t sectors(uint32_t bytes) { return (bytes + MS_SECTOR - 1) / MS_SECTOR; }

int ms_card_read(ms_memory* m, int32_t file, uint64_t offset, void* data, uint32_t bytes) {
  if (file < 0) return MS_E_NOT_FOUND;
  uint32_t start = micros(m);
  int32_t done = m->port->read(m->port->context, file, offset, data, bytes);
  m->stats.micros_read += micros(m) - start;
  m->stats.bytes_read += done > 0 ? (uint32_t)done : 0;
  m->stats.sectors_read += sectors(bytes);
  if (done < 0) return done;
  return (uint32_t)done == bytes ? MS_OK : MS_E_IO;
}

/* The copy that a file belongs to, MS_COPIES: neither. */
static int copy_of(const ms_memory* m, int32_t file) {
  if (file == m->file[MS_BACKUP_FILE]) return MS_MIRROR;
  return file == m->file[MS_SLOTS_FILE] || file == m->file[MS_INDEX_FILE] ? MS_PRIMARY : MS_COPIES;
}

int ms_card_write(ms_memory* m, int32_t file, uint64_t offset, const void* data, uint32_t bytes) {
  if (m->read_only) return MS_E_READ_ONLY;
  if (file < 0) return MS_E_IO;
  uint32_t start = micros(m);
  int32_t done = m->port->write(m->port->context, file, offset, data, bytes);
  m->stats.micros_write += micros(m) - start;
  m->stats.bytes_written += done > 0 ? (uint32_t)done : 0;
  int in_margin = file == m->file[MS_BACKUP_FILE] && offset && offset < MS_MARGIN; /* the newest entry */
  int copy = in_margin ? MS_COPIES : copy_of(m, file), whole = done >= 0 && (uint32_t)done == bytes;
  if (copy < MS_COPIES) {
    m->stats.sectors_written += sectors(bytes);
    m->written[copy] = 1;
    if (!whole) m->unknown[copy] = 1;
  } else if (file == m->file[MS_METADATA_FILE]) {
    m->stats.metadata_written += sectors(bytes);
  } else if (file == m->segment || in_margin) {
    m->stats.log_written += sectors(bytes);
  }
  return whole ? MS_OK : done < 0 ? done : MS_E_IO;
}

int ms_card_sync(ms_memory* m) {
  uint32_t start = micros(m);
  int status = m->port->sync(m->port->context);
  m->stats.micros_write += micros(m) - start;
  m->stats.barriers++;
  for (int copy = 0; copy < MS_COPIES; copy++) {
    if (status && m->written[copy]) m->unknown[copy] = 1;
    if (!status) m->written[copy] = 0;
  }
  return status;
}

int ms_card_sync_file(ms_memory* m, int32_t file) {
  uint32_t start = micros(m);
  int status = m->port->sync_file(m->port->context, file);
  m->stats.micros_write += micros(m) - start;
  m->stats.barriers++;
  return status;
}

/* The mirror and the spare copy are laid out alike. */
static int32_t other_file(const ms_memory* m, int copy) {
  return m->file[copy == MS_MIRROR ? MS_BACKUP_FILE : MS_SPARE_FILE];
}

int ms_read_index_sector(ms_memory* m, int copy, uint32_t sector, uint8_t* data) {
  if (copy != MS_PRIMARY)
    return ms_card_read(m, other_file(m, copy), ms_mirror_index_at(sector), data, MS_SECTOR);
  return ms_card_read(m, m->file[MS_INDEX_FILE], (uint64_t)sector * MS_SECTOR, data, MS_SECTOR);
}

int ms_write_index_sector(ms_memory* m, int copy, uint32_t sector, const uint8_t* data) {
  if (copy != MS_PRIMARY)
    return ms_card_write(m, other_file(m, copy), ms_mirror_index_at(sector), data, MS_SECTOR);
  return ms_card_write(m, m->file[MS_INDEX_FILE], (uint64_t)sector * MS_SECTOR, data, MS_SECTOR);
}

int ms_read_slot_sector(ms_memory* m, int copy, uint32_t sector, uint8_t* data) {
  const ms_layout* l = &m->header.layout;
  if (copy != MS_PRIMARY)
    return ms_card_read(m, other_file(m, copy), ms_mirror_slots_at(l, sector), data, MS_SECTOR);
  memset(data, 0, MS_SECTOR);
  return ms_card_read(m, m->file[MS_SLOTS_FILE], (uint64_t)sector * MS_SECTOR, data,
                      ms_slot_sector_bytes(l, sector));
}

int ms_write_slot_sector(ms_memory* m, int copy, uint32_t sector, const uint8_t* data) {
  const ms_layout* l = &m->header.layout;
  if (copy != MS_PRIMARY)
    return ms_card_write(m, other_file(m, copy), ms_mirror_slots_at(l, sector), data, MS_SECTOR);
  return ms_card_write(m, m->file[MS_SLOTS_FILE], (uint64_t)sector * MS_SECTOR, data,
                       ms_slot_sector_bytes(l, sector));
}

int ms_open_file(ms_memory* m, const char* name, int mode, int32_t* file) {
  *file = -1;
  int status = m->port->open(m->port->context, name, mode, file);
  if (status) *file = -1;
  return status;
}

int ms_close_files(ms_memory* m) {
  int status = m->segment >= 0 ? m->port->close(m->port->context, m->segment) : MS_OK;
  m->segment = -1;
  for (int i = 0; i < MS_FILES; i++) {
    int closed = m->file[i] >= 0 ? m->port->close(m->port->context, m->file[i]) : MS_OK;
    if (!status) status = closed;
    m->file[i] = -1;
  }
  if (m->port->unlock) m->port->unlock(m->port->context);
  return status;
}
