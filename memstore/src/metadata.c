/* memory_metadata.json: what people and tools read. Derived from the index, written when a memory is flushed
 * or closed.
 *
 * The file has a fixed size and is padded with spaces, so that it too is overwritten in place. Its first
 * sector carries the index's newest sequence and is written last, behind a barrier: where it is up to date,
 * so is the rest. */
#include "memory.h"

#define HEAD_BYTES 1024u
#define EPISODE_BYTES 768u /* 63 bytes of name as \u00XX, eleven numbers, two flags */

uint64_t ms_metadata_bytes(const ms_layout* l) {
  return ((uint64_t)HEAD_BYTES + (uint64_t)l->slots * EPISODE_BYTES + MS_SECTOR - 1) / MS_SECTOR * MS_SECTOR;
}

typedef struct {
  ms_memory* m;
  uint8_t* sector;  /* being filled */
  uint8_t* on_card; /* what stands in its place */
  uint8_t* first;   /* the first sector: goes out last */
  uint32_t fill, number;
  uint32_t written; /* sectors that differed */
  int status;
} writer;

static writer start(ms_memory* m) {
  return (writer){
      .m = m, .sector = m->index_built, .on_card = m->slots_read[MS_PRIMARY], .first = m->slots_built};
}

static void finish_sector(writer* w) {
  ms_memory* m = w->m;
  if (w->number == 0) {
    memcpy(w->first, w->sector, MS_SECTOR);
  } else if (!w->status) {
    uint64_t at = (uint64_t)w->number * MS_SECTOR;
    if (ms_card_read(m, m->file[MS_METADATA_FILE], at, w->on_card, MS_SECTOR) ||
        memcmp(w->on_card, w->sector, MS_SECTOR)) {
      w->status = ms_card_write(m, m->file[MS_METADATA_FILE], at, w->sector, MS_SECTOR);
      w->written++;
    }
  }
  w->number++;
  w->fill = 0;
}

static void put_byte(writer* w, uint8_t byte) {
  w->sector[w->fill++] = byte;
  if (w->fill == MS_SECTOR) finish_sector(w);
}

static void put(writer* w, const char* text) {
  while (*text) put_byte(w, (uint8_t)*text++);
}

static void put_number(writer* w, uint64_t n) {
  char digits[21];
  int at = 20;
  digits[at] = 0;
  do digits[--at] = (char)('0' + n % 10), n /= 10;
  while (n);
  put(w, digits + at);
}

static void put_field(writer* w, const char* name, uint64_t n) {
  put(w, ", \"");
  put(w, name);
  put(w, "\": ");
  put_number(w, n);
}

/* six decimals: enough for people, and no printf */
static void put_decimal(writer* w, const char* name, float value) {
  if (value > 4e9f) value = 4e9f;
  uint64_t millionths = value > 0.0f ? (uint64_t)((double)value * 1e6 + 0.5) : 0;
  put_field(w, name, millionths / 1000000u);
  put_byte(w, '.');
  uint32_t rest = (uint32_t)(millionths % 1000000u);
  for (uint32_t unit = 100000; unit; unit /= 10) put_byte(w, (uint8_t)('0' + rest / unit % 10));
}

static void put_flag(writer* w, const char* name, int value) {
  put(w, ", \"");
  put(w, name);
  put(w, value ? "\": true" : "\": false");
}

static void put_string(writer* w, const char* text) {
  static const char hex[] = "0123456789abcdef";
  put_byte(w, '"');
  for (; *text; text++) {
    uint8_t c = (uint8_t)*text;
    if (c == '"' || c == '\\') {
      put_byte(w, '\\');
      put_byte(w, c);
    } else if (c < 0x20 || c == 0x7f) {
      put(w, "\\u00");
      put_byte(w, (uint8_t)hex[c >> 4]);
      put_byte(w, (uint8_t)hex[c & 15]);
    } else {
      put_byte(w, c);
    }
  }
  put_byte(w, '"');
}

static int on_card(const ms_memory* m, uint32_t slot) {
  return ms_occupied(m, slot) && !(m->flags[slot] & MS_UNSAVED);
}

static uint64_t newest_sequence(const ms_memory* m) {
  uint64_t newest = 0;
  for (uint32_t i = 0; i < m->config.slots; i++) {
    uint64_t sequence = ms_get64(ms_record(m, i) + MS_R_SEQUENCE);
    if (sequence > newest) newest = sequence;
  }
  return newest;
}

static void put_head(writer* w, uint64_t sequence) {
  static const char hex[] = "0123456789abcdef";
  const ms_memory* m = w->m;
  put(w, "{\"format\": 1");
  put_field(w, "sequence", sequence);
  put(w, ", \"model\": \"");
  for (int i = 0; i < 8; i++) {
    put_byte(w, (uint8_t)hex[m->config.model_hash[i] >> 4]);
    put_byte(w, (uint8_t)hex[m->config.model_hash[i] & 15]);
  }
  put(w, m->config.slot_dtype == MS_FP16 ? "\", \"dtype\": \"float16\"" : "\", \"dtype\": \"int8\"");
  put_field(w, "slots", m->config.slots);
  put_field(w, "dim", m->config.dim);
}

static void put_episode(writer* w, uint32_t slot, uint64_t now) {
  const ms_memory* m = w->m;
  const uint8_t* record = ms_record(m, slot);
  uint64_t last = ms_get64(record + MS_R_LAST_ACCESS);
  put(w, "\n  {\"slot\": ");
  put_number(w, slot);
  put(w, ", \"name\": ");
  put_string(w, (const char*)record + MS_R_NAME);
  put_field(w, "uses", ms_get32(record + MS_R_USES));
  put_field(w, "writes", ms_get32(record + MS_R_WRITES));
  put_field(w, "views", ms_get16(record + MS_R_VIEWS) ? ms_get16(record + MS_R_VIEWS) : 1);
  put_flag(w, "decodes", record[MS_R_FLAGS] & MS_RECORD_DECODES);
  put_flag(w, "kept", record[MS_R_FLAGS] & MS_RECORD_KEPT);
  put_decimal(w, "importance", ms_getf(record + MS_R_IMPORTANCE));
  put_decimal(w, "retention", ms_retention(m, slot, now));
  put_field(w, "sequence", ms_get64(record + MS_R_SEQUENCE));
  put_field(w, "taught", ms_get64(record + MS_R_TAUGHT));
  put_field(w, "last_access", last);
  put_field(w, "age", now > last ? now - last : 0);
  put_field(w, "taught_at", ms_get32(record + MS_R_TIME));
  put_byte(w, '}');
}

static int open_metadata(ms_memory* m) {
  int32_t* file = &m->file[MS_METADATA_FILE];
  int status = ms_open_file(m, "memory_metadata.json", MS_CREATE, file);
  uint64_t bytes = 0, want = ms_metadata_bytes(&m->header.layout);
  if (!status) status = m->port->size(m->port->context, *file, &bytes);
  if (!status && bytes != want) {
    m->metadata_stale = 1;
    status = m->port->preallocate(m->port->context, *file, want, 1);
  }
  return status;
}

/* It is open only while it is looked at: whoever replaces it meanwhile disturbs nothing. */
static int close_metadata(ms_memory* m, int status) {
  int32_t* file = &m->file[MS_METADATA_FILE];
  int closed = *file >= 0 ? m->port->close(m->port->context, *file) : MS_OK;
  *file = -1;
  return status ? status : closed;
}

void ms_metadata_check(ms_memory* m) {
  if (m->read_only) return;
  writer w = start(m);
  m->metadata_status = open_metadata(m);
  put_head(&w, newest_sequence(m));
  if (m->metadata_status || ms_card_read(m, m->file[MS_METADATA_FILE], 0, w.on_card, MS_SECTOR) ||
      memcmp(w.sector, w.on_card, w.fill))
    m->metadata_stale = 1;
  close_metadata(m, MS_OK);
}

/* Every sector but the first, which is left in w->first. */
static void write_body(writer* w) {
  ms_memory* m = w->m;
  uint64_t now = newest_sequence(m);
  uint32_t count = 0, sectors = (uint32_t)(ms_metadata_bytes(&m->header.layout) / MS_SECTOR);
  for (uint32_t i = 0; i < m->config.slots; i++) count += (uint32_t)on_card(m, i);
  put_head(w, now);
  put_field(w, "occupied", count);
  put(w, ", \"episodes\": [");
  for (uint32_t i = 0, first = 1; i < m->config.slots; i++) {
    if (!on_card(m, i)) continue;
    if (!first) put_byte(w, ',');
    put_episode(w, i, now);
    first = 0;
  }
  put(w, "\n]}");
  while (w->number + 1 < sectors || w->fill + 1 < MS_SECTOR) put_byte(w, ' ');
  put_byte(w, '\n');
}

int ms_metadata_write(ms_memory* m, uint32_t* repaired) {
  writer w = start(m);
  int barrier = MS_OK, status = open_metadata(m);
  int32_t file = m->file[MS_METADATA_FILE];
  if (!status) write_body(&w);
  if (!status) status = w.status;
  int fresh =
      !status && !ms_card_read(m, file, 0, w.on_card, MS_SECTOR) && !memcmp(w.on_card, w.first, MS_SECTOR);
  if (!status && (w.written || !fresh)) barrier = ms_card_sync(m);
  if (!status && !barrier && !fresh) {
    status = ms_card_write(m, file, 0, w.first, MS_SECTOR);
    w.written++;
    if (!status) barrier = ms_card_sync(m);
  }
  m->metadata_status = close_metadata(m, status ? status : barrier);
  if (!m->metadata_status) m->metadata_stale = 0;
  if (repaired) *repaired = w.written;
  return barrier; /* of the whole card; that a file which nothing is read from cannot be written is no error
                   */
}
