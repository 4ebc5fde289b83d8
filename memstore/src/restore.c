/* Making an archived state the memory's content. Several sectors are not one write: the header says which
 * state is being written, and whoever opens the card after a cut finishes it. */
#include "memory.h"

/* Nothing but the sequence and the seal tells them apart. */
static int same_record(const ms_layout* l, const uint8_t* a, const uint8_t* b) {
  return !memcmp(a, b, MS_R_SEQUENCE) && !memcmp(a + MS_R_TAUGHT, b + MS_R_TAUGHT, MS_R_CRC - MS_R_TAUGHT) &&
         !memcmp(a + MS_R_NAME, b + MS_R_NAME, l->record_bytes - MS_R_NAME);
}

typedef struct {
  ms_archive archive;
  uint32_t number;            /* of the state */
  uint32_t group, first, end; /* a slot sector and its slots */
  uint64_t sequence;
} restoring;

/* An index sector of the state, sealed with the sequence of now. */
static int archived_records(restoring* r, uint32_t at, uint8_t* data) {
  const ms_memory* m = r->archive.m;
  const ms_layout* l = &m->header.layout;
  int status = ms_archive_index_sector(&r->archive, r->number, 1 + at / l->records_per_sector, data);
  for (uint32_t slot = at; !status && slot < at + l->records_per_sector && slot < r->end; slot++) {
    uint8_t* record = data + (size_t)(slot - at) * l->record_bytes;
    if (!ms_record_valid(l, m->header.identity, record, slot)) return MS_E_DAMAGED;
    ms_put64(record + MS_R_SEQUENCE, r->sequence);
    ms_record_seal(l, m->header.identity, record);
  }
  return status;
}

static int differs(restoring* r, int* yes) {
  ms_memory* m = r->archive.m;
  const ms_layout* l = &m->header.layout;
  for (uint32_t at = r->first; at < r->end; at += l->records_per_sector) {
    int status = archived_records(r, at, m->index_built);
    if (status) return status;
    for (uint32_t slot = at; slot < at + l->records_per_sector && slot < r->end; slot++)
      *yes |= m->flags[slot] != 0 ||
              !same_record(l, m->index_built + (size_t)(slot - at) * l->record_bytes, ms_record(m, slot));
  }
  return MS_OK;
}

static int write_group(restoring* r, int copy) {
  ms_memory* m = r->archive.m;
  const ms_layout* l = &m->header.layout;
  int status = MS_OK;
  for (uint32_t at = r->first; !status && at < r->end; at += l->records_per_sector) {
    status = archived_records(r, at, m->index_built);
    if (!status) status = ms_write_index_sector(m, copy, 1 + at / l->records_per_sector, m->index_built);
  }
  if (!status) status = ms_archive_slot_sector(&r->archive, r->number, r->group, m->slots_built);
  if (!status) status = ms_write_slot_sector(m, copy, r->group, m->slots_built);
  return status ? status : ms_card_sync(m);
}

static int adopt_group(restoring* r) {
  ms_memory* m = r->archive.m;
  const ms_layout* l = &m->header.layout;
  for (uint32_t at = r->first; at < r->end; at += l->records_per_sector) {
    int status = archived_records(r, at, m->index_built);
    if (status) return status;
    for (uint32_t slot = at; slot < at + l->records_per_sector && slot < r->end; slot++) {
      ms_hot_drop(m, slot);
      m->flags[slot] = 0;
      ms_set_record(m, slot, m->index_built + (size_t)(slot - at) * l->record_bytes);
    }
  }
  m->clock = r->sequence;
  return MS_OK;
}

/* One slot sector and its index sectors: by the write protocol, if they are not so already. */
static int restore_group(restoring* r) {
  int changes = 0, status = differs(r, &changes);
  if (status || !changes) return status;
  status = write_group(r, MS_MIRROR);
  if (!status) status = write_group(r, MS_PRIMARY);
  return status ? status : adopt_group(r);
}

static int apply(ms_memory* m, uint32_t number) {
  const ms_layout* l = &m->header.layout;
  restoring r = {.number = number};
  int status = ms_archive_open(m, &r.archive);
  if (!status) status = ms_archive_check(&r.archive, number);
  for (; !status && r.group < l->slot_sectors; r.group++) {
    r.first = r.group * l->slots_per_sector;
    r.end = r.first + l->slots_per_sector < l->slots ? r.first + l->slots_per_sector : l->slots;
    r.sequence = m->clock + 1;
    status = restore_group(&r);
  }
  m->metadata_stale = 1;
  return ms_archive_close(m, status);
}

int ms_finish_restore(ms_memory* m, uint32_t* state_gone) {
  int status = apply(m, m->header.pending - 1);
  *state_gone = status == MS_E_DAMAGED || status == MS_E_NOT_FOUND;
  return status && !*state_gone ? status : ms_commit_header(m, 0);
}

int ms_restore_state(ms_memory* m, uint32_t number) {
  ms_archive a;
  int status = ms_archive_open(m, &a);
  if (!status) status = ms_archive_check(&a, number);
  status = ms_archive_close(m, status);
  if (!status) status = ms_commit_header(m, number + 1);
  if (status) return status;
  status = apply(m, number);
  if (!status) status = ms_commit_header(m, 0);
  if (status) m->unresolved = 1; /* the next write, or the next open, finishes it */
  return status;
}
