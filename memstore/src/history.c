/* The archive's words: take a state, list, find, check and restore it. */
#include "memory.h"

int ms_snapshot(ms_memory* m, uint32_t* number) {
  if (!m) return MS_E_ARGUMENT;
  if (!m->port) return MS_E_NO_CARD;
  if (m->read_only) return MS_E_READ_ONLY;
  int status = ms_flush(m);
  if (status) return status;
  ms_archive a;
  uint32_t count = 0;
  status = ms_archive_open(m, &a);
  if (!status) status = ms_archive_count(&a, &count);
  if (status == MS_E_NOT_FOUND) status = MS_OK; /* no archive yet */
  if (!status) status = ms_archive_append(&a, count);
  if (!status && number) *number = count;
  return status;
}

int ms_history_count(ms_memory* m, uint32_t* count) {
  if (!m || !count) return MS_E_ARGUMENT;
  *count = 0;
  ms_archive a;
  int status = ms_archive_open(m, &a);
  return status ? (status == MS_E_NOT_FOUND ? MS_OK : status) : ms_archive_count(&a, count);
}

int ms_history_info(ms_memory* m, uint32_t number, ms_state* state) {
  if (!m || !state) return MS_E_ARGUMENT;
  ms_archive a;
  int status = ms_archive_open(m, &a);
  return status ? status : ms_archive_header(&a, number, state);
}

int ms_history_check(ms_memory* m, uint32_t number, ms_state* state) {
  if (!m || !state) return MS_E_ARGUMENT;
  ms_archive a;
  int status = ms_archive_open(m, &a);
  if (!status) status = ms_archive_header(&a, number, state);
  if (status) return status;
  status = ms_archive_check(&a, number);
  state->valid = status == MS_OK;
  return status == MS_E_DAMAGED ? MS_OK : status;
}

int ms_history_find(ms_memory* m, uint32_t unix_seconds, uint32_t* number) {
  if (!m || !number) return MS_E_ARGUMENT;
  ms_archive a;
  ms_state state = {0};
  uint32_t count = 0;
  int status = ms_archive_open(m, &a);
  if (!status) status = ms_archive_count(&a, &count);
  uint32_t low = 0, high = count; /* states below `low` are not later, `high` and above are */
  while (!status && low < high) {
    uint32_t middle = low + (high - low) / 2, probe = middle;
    while (probe < high && (status = ms_archive_header(&a, probe, &state)) == MS_E_DAMAGED) probe++;
    if (probe == high) {
      high = middle; /* all damaged up to `high` */
      status = MS_OK;
    } else if (!status && state.time <= unix_seconds) {
      low = probe + 1;
      *number = probe;
    } else {
      high = middle;
    }
  }
  if (status) return status;
  return low ? MS_OK : MS_E_NOT_FOUND;
}

int ms_restore(ms_memory* m, uint32_t number) {
  if (!m) return MS_E_ARGUMENT;
  if (!m->port) return MS_E_NO_CARD;
  int status = ms_writable(m);
  return status ? status : ms_restore_state(m, number);
}
