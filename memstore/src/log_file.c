/* The files of the log, history/000000.bin and so on: preallocated, one open at a time. A full card, or more
 * files than configured, costs the oldest one, or stops the memory. */
#include "memory.h"

static void name_of(uint32_t number, char* name) {
  strcpy(name, "history/000000.bin");
  for (uint32_t i = 13; i > 7; i--, number /= 10) name[i] = (char)('0' + number % 10);
}

static int close_file(ms_memory* m) {
  int status = m->segment >= 0 ? m->port->close(m->port->context, m->segment) : MS_OK;
  m->segment = -1;
  return status;
}

int ms_log_open_file(ms_memory* m, uint32_t number, int mode) {
  if (m->segment >= 0 && m->segment_number == number) return MS_OK;
  if (number > 999999u) return MS_E_NOT_FOUND;
  char name[MS_LOG_NAME];
  name_of(number, name);
  int status = close_file(m);
  m->segment_number = number;
  if (!status) status = ms_open_file(m, name, mode, &m->segment);
  return status;
}

static int open_for_reading(ms_memory* m, uint32_t number) {
  return ms_log_open_file(m, number, m->read_only ? MS_READ : MS_WRITE);
}

int ms_log_has_file(ms_memory* m, uint32_t number, int* yes) {
  int status = open_for_reading(m, number);
  *yes = status == MS_OK;
  return status == MS_E_NOT_FOUND ? MS_OK : status;
}

int ms_log_remove_file(ms_memory* m, uint32_t number) {
  char name[MS_LOG_NAME];
  name_of(number, name);
  int status = m->segment >= 0 && m->segment_number == number ? close_file(m) : MS_OK;
  if (!m->port->remove) return MS_E_CARD_FULL;
  int removed = m->port->remove(m->port->context, name);
  return removed && removed != MS_E_NOT_FOUND ? removed : status;
}

/* It is there with its whole length, or not at all. */
static int make_file(ms_memory* m, uint32_t number) {
  uint64_t bytes = 0, want = ms_log_file_bytes(&m->header.layout, m->header.file_blocks);
  int status = ms_log_open_file(m, number, MS_CREATE);
  if (!status) status = m->port->size(m->port->context, m->segment, &bytes);
  if (!status && bytes < want) {
    /* zeros where a history was deleted: its newest entries, which no copy has, would pass for this one's */
    status = m->port->preallocate(m->port->context, m->segment, want, m->log.missing);
    if (status && !bytes) ms_log_remove_file(m, number);
  }
  return status;
}

int ms_log_whole_file(ms_memory* m, uint32_t number) {
  int there = 0, status = ms_log_has_file(m, number, &there);
  return status || !there ? status : make_file(m, number);
}

/* The file of the block before the newest one is still needed: the newest state begins there. */
static int drop_oldest(ms_memory* m, uint32_t number) {
  uint32_t first = m->header.first_file;
  if (m->config.history == MS_HISTORY_STOP) return MS_E_HISTORY_FULL;
  if (first + 2 > number) return MS_E_CARD_FULL;
  int status = ms_log_remove_file(m, first);
  if (status) return status;
  m->stats.states_dropped += (uint64_t)m->header.file_blocks * m->header.layout.block_entries;
  ms_header next = m->header;
  next.first_file = first + 1;
  return ms_commit_header(m, &next);
}

int ms_log_need_file(ms_memory* m, uint32_t number) {
  if (number > 999999u) return MS_E_HISTORY_FULL;
  int there = 0, status = ms_log_has_file(m, number, &there);
  while (!status) {
    uint32_t files = number - m->header.first_file; /* beside this one */
    if (!there && m->config.history_files && files >= m->config.history_files && files > 1) {
      status = drop_oldest(m, number);
      continue;
    }
    status = make_file(m, number);
    if (status != MS_E_CARD_FULL) return status;
    status = drop_oldest(m, number);
  }
  return status;
}

typedef struct {
  uint32_t file;
  uint64_t at;
} place;

static place place_of(const ms_memory* m, int lane, uint32_t block, uint32_t sector) {
  const ms_layout* l = &m->header.layout;
  uint32_t blocks = m->header.file_blocks;
  uint64_t start = lane ? ms_lane_bytes(l, blocks) + MS_MARGIN : 0;
  return (place){block / blocks,
                 start + (uint64_t)(block % blocks) * ms_block_bytes(l) + (uint64_t)sector * MS_SECTOR};
}

int ms_log_read(ms_memory* m, int lane, uint32_t block, uint32_t sector, void* data, uint32_t sectors) {
  place p = place_of(m, lane, block, sector);
  int status = open_for_reading(m, p.file);
  if (status) return status;
  for (uint32_t i = 0; i < sectors; i++) {
    status = ms_card_read(m, m->segment, p.at + i * MS_SECTOR, (uint8_t*)data + i * MS_SECTOR, MS_SECTOR);
    uint64_t bytes = 0;
    if (status && !m->port->size(m->port->context, m->segment, &bytes) && bytes < p.at + (i + 1) * MS_SECTOR)
      status = MS_E_DAMAGED; /* a file that was cut short */
    if (status) return status;
  }
  return MS_OK;
}

int ms_log_write(ms_memory* m, int lane, uint32_t block, uint32_t sector, const void* data,
                 uint32_t sectors) {
  place p = place_of(m, lane, block, sector);
  int status = ms_log_open_file(m, p.file, MS_WRITE);
  for (uint32_t i = 0; !status && i < sectors; i++)
    status =
        ms_card_write(m, m->segment, p.at + i * MS_SECTOR, (const uint8_t*)data + i * MS_SECTOR, MS_SECTOR);
  return status;
}
