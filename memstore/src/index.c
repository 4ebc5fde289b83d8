/* The records in RAM. */
#include "memory.h"

uint32_t ms_count_occupied(const ms_memory* m) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < m->config.slots; i++) n += (uint32_t)ms_occupied(m, i);
  return n;
}

int32_t ms_find(const ms_memory* m, const char* name, uint32_t from) {
  if (!m || !name) return MS_E_ARGUMENT;
  for (uint32_t i = from; i < m->config.slots; i++)
    if (ms_occupied(m, i) && !strcmp((const char*)ms_record(m, i) + MS_R_NAME, name)) return (int32_t)i;
  return MS_E_NOT_FOUND;
}

void ms_set_record(ms_memory* m, uint32_t slot, const uint8_t* record) {
  memmove(ms_record(m, slot), record, m->header.layout.record_bytes);
  m->access[slot] =
      (ms_access){.last = ms_get64(record + MS_R_LAST_ACCESS), .uses = ms_get32(record + MS_R_USES)};
}

int ms_record_intact(const ms_memory* m, uint32_t slot) {
  const uint8_t* record = ms_record(m, slot);
  return ms_get32(record + MS_R_CRC) == ms_record_crc(&m->header.layout, m->header.identity, record);
}

void ms_put_access(const ms_memory* m, uint32_t slot, uint8_t* record) {
  ms_put64(record + MS_R_LAST_ACCESS, m->access[slot].last);
  ms_put32(record + MS_R_USES, m->access[slot].uses);
}

int ms_stamp(ms_memory* m, uint32_t slot, uint64_t sequence) {
  uint8_t* record = ms_record(m, slot);
  if (!ms_record_intact(m, slot)) return MS_E_DAMAGED;
  ms_put64(record + MS_R_SEQUENCE, sequence);
  ms_put_access(m, slot, record);
  ms_record_seal(&m->header.layout, m->header.identity, record);
  return MS_OK;
}

int ms_equalise(ms_memory* m, uint32_t first, uint32_t end) {
  uint64_t newest = 0;
  int status = MS_OK;
  if (end > m->config.slots) end = m->config.slots;
  for (uint32_t slot = first; slot < end; slot++) {
    uint64_t sequence = ms_get64(ms_record(m, slot) + MS_R_SEQUENCE);
    if (sequence > newest) newest = sequence;
  }
  for (uint32_t slot = first; !status && slot < end; slot++)
    if (ms_get64(ms_record(m, slot) + MS_R_SEQUENCE) != newest) status = ms_stamp(m, slot, newest);
  return status;
}

int ms_build_index_sector(const ms_memory* m, uint32_t sector, uint8_t* data) {
  const ms_layout* l = &m->header.layout;
  uint32_t first = (sector - 1) * l->records_per_sector;
  memset(data, 0, MS_SECTOR);
  for (uint32_t i = 0; i < l->records_per_sector && first + i < l->slots; i++) {
    const uint8_t* record = ms_record(m, first + i);
    uint8_t* out = data + (size_t)i * l->record_bytes;
    if (!ms_record_intact(m, first + i)) return MS_E_DAMAGED;
    if (m->flags[first + i] & MS_UNSAVED)
      ms_record_empty(l, m->header.identity, out, first + i, ms_get64(record + MS_R_SEQUENCE));
    else
      memcpy(out, record, l->record_bytes);
  }
  return MS_OK;
}

int ms_slot_info(const ms_memory* m, uint32_t slot, ms_info* info) {
  if (!m || slot >= m->config.slots || !info) return MS_E_ARGUMENT;
  const uint8_t* record = ms_record(m, slot);
  memset(info, 0, sizeof *info);
  info->lost = record[MS_R_STATE] == MS_LOST;
  info->occupied = ms_occupied(m, slot);
  memcpy(info->name, record + MS_R_NAME, MS_NAME_BYTES);
  info->sequence = ms_get64(record + MS_R_SEQUENCE);
  info->key = (const int8_t*)record + MS_KEY_AT;
  if (!info->occupied) return MS_OK;
  info->saved = !(m->flags[slot] & MS_UNSAVED);
  info->hot = m->hot_of[slot] != MS_NONE;
  info->uses = m->access[slot].uses;
  info->writes = ms_get32(record + MS_R_WRITES);
  info->time = ms_get32(record + MS_R_TIME);
  info->views = ms_get16(record + MS_R_VIEWS) ? ms_get16(record + MS_R_VIEWS) : 1;
  info->decodes = (record[MS_R_FLAGS] & MS_RECORD_DECODES) != 0;
  info->kept = (record[MS_R_FLAGS] & MS_RECORD_KEPT) != 0;
  info->importance = ms_getf(record + MS_R_IMPORTANCE);
  info->retention = ms_retention(m, slot, m->clock);
  info->key_scale = ms_getf(record + MS_R_KEY_SCALE);
  info->taught = ms_get64(record + MS_R_TAUGHT);
  info->last_access = m->access[slot].last;
  return MS_OK;
}
