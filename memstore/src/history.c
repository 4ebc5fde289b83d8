/* The archive's words: take a state, list, find, check and restore it. */
#include "memory.h"

/* MS_OK with a count of 0 where there is no archive. */
static int open_and_count(ms_memory* m, ms_archive* a, uint32_t* count) {
  *count = 0;
  int status = ms_archive_open(m, a);
  if (!status) status = ms_archive_count(a, count);
  return status == MS_E_NOT_FOUND ? MS_OK : status;
}

int ms_snapshot(ms_memory* m, uint32_t* number) {
  if (!m) return MS_E_ARGUMENT;
  if (!m->port) return MS_E_NO_CARD;
  if (m->read_only) return MS_E_READ_ONLY;
  int status = ms_flush(m);
  if (status) return status;
  ms_archive a;
  uint32_t count;
  status = open_and_count(m, &a, &count);
  if (!status) status = ms_archive_append(&a, count);
  if (!status && number) *number = count;
  return ms_archive_close(m, status);
}

int ms_history_count(ms_memory* m, uint32_t* count) {
  if (!m || !count) return MS_E_ARGUMENT;
  ms_archive a;
  int status = open_and_count(m, &a, count);
  return ms_archive_close(m, status);
}

int ms_history_info(ms_memory* m, uint32_t number, ms_state* state) {
  if (!m || !state) return MS_E_ARGUMENT;
  ms_archive a;
  uint32_t count;
  memset(state, 0, sizeof *state);
  int status = open_and_count(m, &a, &count);
  if (status || number >= count) return ms_archive_close(m, status ? status : MS_E_NOT_FOUND);
  state->number = number;
  if (ms_archive_header(&a, number, state) == MS_OK) state->valid = ms_archive_check(&a, number) == MS_OK;
  return ms_archive_close(m, MS_OK);
}

/* The readable state at or behind `number`, before `end`; `end`: none. */
static uint32_t readable(ms_archive* a, uint32_t number, uint32_t end, ms_when* when) {
  while (number < end && ms_archive_when(a, number, when)) number++;
  return number;
}

/* The first of low..high - 1 that belongs to `run` or a later one: runs rise with the numbers. */
static uint32_t start_of_run(ms_archive* a, uint32_t run, uint32_t high) {
  ms_when when;
  uint32_t low = 0;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2, probe = readable(a, middle, high, &when);
    if (probe == high || when.run >= run)
      high = middle;
    else
      low = probe + 1;
  }
  return low;
}

/* The last of first..end - 1, all of one run, that was taken at or before `seconds`; `end`: none was. */
static uint32_t last_until(ms_archive* a, uint32_t seconds, uint32_t first, uint32_t end) {
  ms_when when;
  uint32_t low = first, high = end, found = end;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2, probe = readable(a, middle, high, &when);
    if (probe == high || when.known > seconds) {
      high = middle;
    } else {
      found = probe;
      low = probe + 1;
    }
  }
  while (found < end) { /* back over those whose time was unknown */
    if (ms_archive_when(a, found, &when) == MS_OK && when.time) return found;
    if (found-- == first) return end;
  }
  return end;
}

int ms_history_find(ms_memory* m, uint32_t unix_seconds, uint32_t* number) {
  if (!m || !number) return MS_E_ARGUMENT;
  ms_archive a;
  ms_when when;
  uint32_t end;
  int status = open_and_count(m, &a, &end);
  if (status) return ms_archive_close(m, status);
  for (status = MS_E_NOT_FOUND; end && status;) { /* the latest run first */
    uint32_t last = end - 1;
    while (last && ms_archive_when(&a, last, &when)) last--;
    if (ms_archive_when(&a, last, &when)) break;
    uint32_t first = start_of_run(&a, when.run, last + 1);
    *number = last_until(&a, unix_seconds, first, last + 1);
    if (*number <= last) status = MS_OK;
    end = first;
  }
  return ms_archive_close(m, status);
}

int ms_restore(ms_memory* m, uint32_t number) {
  if (!m) return MS_E_ARGUMENT;
  if (!m->port) return MS_E_NO_CARD;
  int status = ms_writable(m);
  return status ? status : ms_restore_state(m, number);
}
