/* Opening, making and closing a memory. */
#include "memory.h"

static int valid_config(const ms_config* c, ms_layout* l) {
  if (!c || ms_layout_of(l, c->slots, c->dim, c->slot_dtype)) return MS_E_ARGUMENT;
  int fits = c->hot >= 1 && c->hot <= c->slots && c->alpha >= 0.0f && c->alpha <= 1.0f &&
             ms_finite(c->merge_threshold) && ms_finite(c->same_picture) && ms_finite(c->min_importance);
  return fits ? MS_OK : MS_E_ARGUMENT;
}

/* Hand out the caller's buffer piece by piece; with a NULL memory, only count. */
static size_t carve(const ms_config* c, const ms_layout* l, ms_memory* m) {
  size_t at = (sizeof(ms_memory) + 7u) & ~(size_t)7u;
  uint8_t* base = (uint8_t*)m;
#define TAKE(field, bytes)                \
  do {                                    \
    if (m) m->field = (void*)(base + at); \
    at += ((bytes) + 7u) & ~(size_t)7u;   \
  } while (0)
  TAKE(index, (size_t)c->slots * l->record_bytes);
  TAKE(flags, c->slots);
  TAKE(access, c->slots * sizeof(ms_access));
  TAKE(hot_of, c->slots * sizeof(uint32_t));
  TAKE(hot, c->hot * sizeof(ms_hot_entry));
  TAKE(hot_data, (size_t)c->hot * l->slot_bytes);
  for (int copy = 0; copy < MS_SOURCES; copy++) {
    TAKE(index_read[copy], MS_SECTOR);
    TAKE(slots_read[copy], MS_SECTOR);
  }
  TAKE(index_built, MS_SECTOR);
  TAKE(slots_built, MS_SECTOR);
  TAKE(change.record, MS_SECTOR);
  TAKE(change.content, MS_SECTOR);
  TAKE(work, l->dim * sizeof(float));
  for (int i = MS_NOW; i <= MS_OTHER; i++) TAKE(log.at[i], c->slots * sizeof(uint32_t));
  TAKE(log.header, MS_SECTOR);
  TAKE(log.tail, ms_entry_bytes(l));
  TAKE(log.last, ms_entry_bytes(l));
  TAKE(log.fresh, ms_entry_bytes(l));
  TAKE(log.keyframe, ms_entry_bytes(l));
  for (int lane = 0; lane < 2; lane++) TAKE(log.read[lane], ms_entry_bytes(l));
#undef TAKE
  return at;
}

size_t ms_memory_size(const ms_config* config) {
  ms_layout layout;
  return valid_config(config, &layout) ? 0 : carve(config, &layout, NULL);
}

/* Is this file there, and does it have its exact length? Shorter counts as absent, longer as whole but to be
 * cut. */
static int look(ms_memory* m, int which, const char* name, uint64_t want) {
  int status = ms_open_file(m, name, m->read_only ? MS_READ : MS_WRITE, &m->file[which]);
  if (status == MS_E_NOT_FOUND) {
    m->present[which] = 0;
    m->broken_sizes = 1;
    return MS_OK;
  }
  if (status) return status;
  uint64_t bytes = 0;
  status = m->port->size(m->port->context, m->file[which], &bytes);
  m->present[which] = bytes >= want;
  if (bytes != want) m->broken_sizes = 1;
  return status;
}

enum {
  HEADERS = 3
}; /* of the index file, of the mirror, and the one at the very beginning of the backup file */

/* MS_OK, MS_E_NOT_FOUND (the file is too short), MS_E_FORMAT, MS_E_VERSION or the error of the card. */
static int read_one_header(ms_memory* m, int which, ms_header* header) {
  static const uint64_t at[HEADERS] = {0, MS_MARGIN, 0};
  int32_t file = m->file[which ? MS_BACKUP_FILE : MS_INDEX_FILE];
  uint64_t bytes = 0;
  memset(header, 0, sizeof *header);
  if (file < 0) return MS_E_NOT_FOUND;
  int status = m->port->size(m->port->context, file, &bytes);
  if (!status && bytes < at[which] + MS_SECTOR) return MS_E_NOT_FOUND;
  if (!status) status = ms_card_read(m, file, at[which], m->index_built, MS_SECTOR);
  return status ? status : ms_header_unpack(m->index_built, header);
}

/* Does any record of either copy bear this identity? */
static int has_records(ms_memory* m, const ms_header* header) {
  const ms_layout* l = &header->layout;
  static const int file[MS_COPIES] = {MS_INDEX_FILE, MS_BACKUP_FILE};
  for (int copy = 0; copy < MS_COPIES; copy++) {
    for (uint32_t slot = 0; slot < l->slots; slot++) {
      uint32_t sector = 1 + slot / l->records_per_sector, i = slot % l->records_per_sector;
      uint64_t at = copy == MS_MIRROR ? ms_mirror_index_at(sector) : (uint64_t)sector * MS_SECTOR, bytes = 0;
      if (m->file[file[copy]] < 0 || m->port->size(m->port->context, m->file[file[copy]], &bytes) ||
          bytes < at + MS_SECTOR)
        break;
      if (!i && ms_card_read(m, m->file[file[copy]], at, m->index_built, MS_SECTOR))
        memset(m->index_built, 0, MS_SECTOR);
      if (ms_record_valid(l, header->identity, m->index_built + (size_t)i * l->record_bytes, slot)) return 1;
    }
  }
  return 0;
}

/* Of headers that are all valid but not of one memory, the one whose records are there; MS_E_MIXED: several.
 */
static int settle_identity(ms_memory* m, const ms_header* header, const int* status, ms_header* best) {
  int owner = -1;
  for (int i = 0; i < HEADERS; i++) {
    int seen = status[i] != MS_OK;
    for (int j = 0; j < i; j++)
      seen |= status[j] == MS_OK && !memcmp(header[i].identity, header[j].identity, MS_IDENTITY);
    if (seen || !has_records(m, &header[i])) continue;
    if (owner >= 0) return MS_E_MIXED;
    owner = i;
  }
  for (int i = 0; i < HEADERS && owner >= 0; i++) {
    if (status[i] || memcmp(header[i].identity, header[owner].identity, MS_IDENTITY)) continue;
    if (memcmp(best->identity, header[i].identity, MS_IDENTITY) || header[i].sequence > best->sequence)
      *best = header[i];
  }
  return MS_OK;
}

/* The newest valid header of the three: MS_OK, MS_E_NOT_FOUND (none), MS_E_VERSION, MS_E_MIXED or the error
 * of the card. */
static int read_header(ms_memory* m, ms_header* best) {
  ms_header header[HEADERS];
  int status[HEADERS], found = MS_E_NOT_FOUND, unreadable = MS_OK, differ = 0;
  for (int i = 0; i < HEADERS; i++) {
    status[i] = read_one_header(m, i, &header[i]);
    if (status[i] == MS_E_VERSION && found != MS_OK) {
      found = MS_E_VERSION;
      best->version = header[i].version;
    } else if (status[i] == MS_OK) {
      differ |= found == MS_OK && memcmp(best->identity, header[i].identity, MS_IDENTITY);
      if (found != MS_OK || header[i].sequence > best->sequence) *best = header[i];
      found = MS_OK;
    } else if (status[i] != MS_E_NOT_FOUND && status[i] != MS_E_FORMAT) {
      unreadable = status[i];
    }
  }
  if (differ) return settle_identity(m, header, status, best);
  return found == MS_E_NOT_FOUND && unreadable ? unreadable : found;
}

static void describe(const ms_header* h, ms_config* found) {
  memset(found, 0, sizeof *found);
  found->slots = h->layout.slots;
  found->dim = h->layout.dim;
  found->slot_dtype = h->layout.dtype;
  memcpy(found->model_hash, h->identity + MS_IDENTITY - sizeof found->model_hash, sizeof found->model_hash);
}

/* On a card, new clusters may hold what was deleted: records of an older memory must not pass for this one's,
 * so every memory has a salt of its own. */
static uint32_t new_salt(ms_memory* m) {
  const ms_port* port = m->port;
  if (m->config.salt) return m->config.salt;
  uint32_t salt = port->random ? port->random(port->context) : 0;
  for (uint32_t i = 0; !port->random && i < 2; i++) { /* another one than whatever salt stands there */
    uint32_t micros = port->micros ? port->micros(port->context) : 0;
    salt = bm_crc32(salt, &micros, sizeof micros);
    if (!ms_read_index_sector(m, MS_MIRROR, i, m->index_built))
      salt = bm_crc32(salt, m->index_built, MS_SECTOR);
  }
  return salt ? salt : 1;
}

/* A new, empty memory: the mirror first and whole, its header last; the scan then makes the primary files
 * from it. Until that header is on the card there is no memory, from then on there is a whole one. */
static int create(ms_memory* m) {
  const ms_layout* l = &m->header.layout;
  int32_t* backup = &m->file[MS_BACKUP_FILE];
  int status = *backup < 0 ? ms_open_file(m, "memory_backup.bin", MS_CREATE, backup) : MS_OK;
  if (!status) status = m->port->preallocate(m->port->context, *backup, ms_backup_bytes(l), 1);
  if (status) return status;
  ms_identity(&m->header, &m->config, new_salt(m));
  memset(m->slots_built, 0, MS_SECTOR);
  status = ms_card_write(m, *backup, 0, m->slots_built, MS_SECTOR); /* a damaged header stays damaged */
  if (!status) status = ms_write_index_sector(m, MS_MIRROR, 0, m->slots_built);
  if (!status) status = ms_card_sync(m);
  for (uint32_t slot = 0; slot < l->slots; slot++)
    ms_record_empty(l, m->header.identity, ms_record(m, slot), slot, 0);
  for (uint32_t i = 0; !status && i < l->slot_sectors; i++)
    status = ms_write_slot_sector(m, MS_MIRROR, i, m->slots_built);
  for (uint32_t i = 1; !status && i <= l->index_sectors; i++) {
    status = ms_build_index_sector(m, i, m->index_built);
    if (!status) status = ms_write_index_sector(m, MS_MIRROR, i, m->index_built);
  }
  if (!status) status = ms_card_sync(m);
  m->header.version = MS_FORMAT_VERSION;
  if (!status) status = ms_log_begin(m, 1);
  ms_header_pack(&m->header, m->index_built);
  if (!status) status = ms_write_index_sector(m, MS_MIRROR, 0, m->index_built);
  if (!status) status = ms_card_sync(m);
  if (!status) m->present[MS_BACKUP_FILE] = 1;
  return status;
}

/* An error while making a memory leaves no half of one: the mirror goes last, for primary files without one
 * are not taken for a memory that a cut interrupted. */
static void uncreate(ms_memory* m) {
  static const char* const names[MS_FILES] = {"memory_slots.bin", "memory_index.bin", "memory_backup.bin",
                                              "memory_metadata.json", "memory_spare.bin"};
  for (int i = 0; i < MS_FILES; i++) {
    if (m->file[i] >= 0) m->port->close(m->port->context, m->file[i]);
    m->file[i] = -1;
  }
  ms_log_remove_file(m, m->header.first_file);
  for (int i = 0; m->port->remove && i < MS_FILES; i++) {
    if (i == MS_BACKUP_FILE && m->port->sync(m->port->context)) return;
    m->port->remove(m->port->context, names[i]);
  }
}

static int open_card(ms_memory* m, uint32_t flags, ms_report* report) {
  const ms_layout* l = &m->header.layout;
  int status = look(m, MS_INDEX_FILE, "memory_index.bin", ms_index_bytes(l));
  if (!status) status = look(m, MS_BACKUP_FILE, "memory_backup.bin", ms_backup_bytes(l));
  if (!status) status = look(m, MS_SLOTS_FILE, "memory_slots.bin", l->slots_bytes);
  if (status) return status;

  ms_header header;
  memset(&header, 0, sizeof header);
  status = read_header(m, &header);
  report->found_version = header.version;
  if (status == MS_E_NOT_FOUND) {
    if (flags & (MS_OPEN_NO_CREATE | MS_OPEN_READ_ONLY)) {
      return m->file[MS_INDEX_FILE] < 0 && m->file[MS_BACKUP_FILE] < 0 ? MS_E_NOT_FOUND : MS_E_FORMAT;
    }
    uint64_t bytes[2] = {0, 0}; /* primary files without a mirror: not one of ours that a cut interrupted */
    for (int i = 0; i < 2; i++)
      if (m->file[i] >= 0) m->port->size(m->port->context, m->file[i], bytes + i);
    if (bytes[0] || bytes[1]) return MS_E_FORMAT;
    report->kept = MS_STATE_CREATED;
    status = create(m);
  } else if (status == MS_OK) {
    describe(&header, &report->found);
    if (memcmp(report->found.model_hash, m->config.model_hash, sizeof m->config.model_hash))
      return MS_E_MODEL;
    if (header.layout.slots != l->slots || header.layout.dim != l->dim || header.layout.dtype != l->dtype)
      return MS_E_SHAPE;
    m->header = header;
  }
  int created = report->kept == MS_STATE_CREATED;
  if (!status) status = ms_scan(m, report);
  if (!status && m->header.pending) { /* version 1 restored in many writes, from an archive of its own */
    report->restore_cut = 1;
    ms_header next = m->header;
    next.pending = 0;
    if (!m->read_only) status = ms_commit_header(m, &next);
  }
  if (!status) status = ms_complete(m);
  if (!status && m->header.version > 1) report->state = m->log.missing ? 0 : m->log.end - 1 - m->header.base;
  if (!status) {
    ms_metadata_check(m);
    report->metadata_error = m->metadata_status;
  }
  if (status && created) uncreate(m);
  describe(&m->header, &report->found);
  report->read_only = m->read_only;
  return status;
}

int ms_open(ms_memory** memory, void* buffer, size_t buffer_bytes, const ms_config* config,
            const ms_port* port, uint32_t flags, ms_report* report) {
  ms_report local;
  if (!report) report = &local;
  memset(report, 0, sizeof *report);
  for (int i = 0; i < 16; i++) report->lost_slots[i] = -1;
  if (!memory) return MS_E_ARGUMENT;
  *memory = NULL;
  size_t need = ms_memory_size(config);
  if (!need || !buffer || (uintptr_t)buffer % sizeof(uint64_t)) return MS_E_ARGUMENT;
  if (buffer_bytes < need) return MS_E_BUFFER;

  ms_memory* m = buffer;
  memset(buffer, 0, need);
  m->config = *config;
  m->port = port;
  m->read_only = (flags & MS_OPEN_READ_ONLY) != 0;
  ms_layout_of(&m->header.layout, config->slots, config->dim, config->slot_dtype);
  carve(config, &m->header.layout, m);
  for (int i = 0; i < MS_FILES; i++) m->file[i] = -1;
  m->segment = -1;
  for (uint32_t i = 0; i < config->slots; i++) m->hot_of[i] = MS_NONE;
  for (uint32_t i = 0; i < config->hot; i++) m->hot[i].slot = MS_NONE;

  if (!port) {
    ms_identity(&m->header, config, 0);
    for (uint32_t i = 0; i < config->slots; i++)
      ms_record_empty(&m->header.layout, m->header.identity, ms_record(m, i), i, 0);
  } else {
    int status = port->lock ? port->lock(port->context) : MS_OK;
    if (status) return status;
    status = open_card(m, flags, report);
    if (status) {
      ms_close_files(m);
      return status;
    }
    ms_reset_stats(m);
  }
  *memory = m;
  return MS_OK;
}

int ms_close(ms_memory* m) {
  if (!m) return MS_E_ARGUMENT;
  if (!m->port) return MS_OK;
  int status = ms_flush(m), closed = ms_close_files(m);
  return status ? status : closed;
}

int ms_verify(ms_memory* m, ms_report* report) {
  ms_report local;
  if (!report) report = &local;
  memset(report, 0, sizeof *report);
  for (int i = 0; i < 16; i++) report->lost_slots[i] = -1;
  if (!m) return MS_E_ARGUMENT;
  if (!m->port) return MS_OK;
  int status = ms_flush(m);
  if (!status) status = ms_scan(m, report);
  if (!status) status = ms_complete(m);
  if (!status && !m->read_only) status = ms_metadata_write(m, &report->metadata_repaired);
  describe(&m->header, &report->found);
  report->found_version = m->header.version;
  report->state = m->header.version > 1 && !m->log.missing ? m->log.end - 1 - m->header.base : 0;
  report->metadata_error = m->metadata_status;
  report->read_only = m->read_only;
  return status;
}

int ms_probe(const ms_port* port, ms_config* found) {
  static const char* const names[2] = {"memory_index.bin", "memory_backup.bin"};
  uint8_t sector[MS_SECTOR];
  int result = MS_E_NOT_FOUND;
  if (!port || !found) return MS_E_ARGUMENT;
  for (int i = 0; i < 2 && result != MS_OK; i++) {
    int32_t file;
    int status = port->open(port->context, names[i], MS_READ, &file);
    if (status == MS_E_NOT_FOUND) continue;
    if (status) return status;
    for (uint32_t at = 0; at <= i * MS_MARGIN && result != MS_OK; at += MS_MARGIN) {
      uint64_t bytes = 0;
      ms_header header;
      if (port->size(port->context, file, &bytes) || bytes < at + MS_SECTOR ||
          port->read(port->context, file, at, sector, MS_SECTOR) != (int32_t)MS_SECTOR)
        continue;
      result = ms_header_unpack(sector, &header);
      if (result == MS_OK) describe(&header, found);
    }
    port->close(port->context, file);
    if (result == MS_E_NOT_FOUND) result = MS_E_FORMAT;
  }
  return result;
}

int ms_card_size(const ms_config* config, ms_file_sizes* sizes) {
  ms_layout l;
  if (!sizes || valid_config(config, &l)) return MS_E_ARGUMENT;
  sizes->slots = l.slots_bytes;
  sizes->index = ms_index_bytes(&l);
  sizes->metadata = ms_metadata_bytes(&l);
  sizes->backup = ms_backup_bytes(&l);
  sizes->history = ms_log_file_bytes(&l, ms_log_file_blocks(config, &l));
  return MS_OK;
}

void ms_set_time(ms_memory* m, uint32_t unix_seconds) { m->time = unix_seconds; }
