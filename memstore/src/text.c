/* Errors and reports in English. */
#include <string.h>

#include "memory.h"

const char* ms_strerror(int error) {
  switch (error) {
    case MS_OK:
      return "no error";
    case MS_E_ARGUMENT:
      return "an argument or the memory's configuration is not valid";
    case MS_E_BUFFER:
      return "the buffer for the memory is too small";
    case MS_E_NO_CARD:
      return "no card, or its folder is missing";
    case MS_E_LOCKED:
      return "another process has this card's memory open";
    case MS_E_READ_ONLY:
      return "the card is read-only";
    case MS_E_CARD_FULL:
      return "the card is full";
    case MS_E_IO:
      return "the card returned an error or too few bytes";
    case MS_E_FORMAT:
      return "the files on the card are not a memory, or every header of it is damaged";
    case MS_E_VERSION:
      return "the memory on the card has another format version";
    case MS_E_MODEL:
      return "the memory on the card was written by another model";
    case MS_E_SHAPE:
      return "the memory on the card has another number of slots, dimension or slot type";
    case MS_E_NAME_EMPTY:
      return "the name is empty: 1 to 63 bytes are expected";
    case MS_E_NAME_LONG:
      return "the name is too long: 1 to 63 bytes are expected";
    case MS_E_NAME_UTF8:
      return "the name is not valid UTF-8";
    case MS_E_NOT_FOUND:
      return "not found";
    case MS_E_VALUE:
      return "an episode, a key or an importance is not a finite number";
    case MS_E_DAMAGED:
      return "both copies on the card are damaged";
    case MS_E_MEMORY_FULL:
      return "the memory is full of things that are kept or more important";
    case MS_E_MIXED:
      return "the files on the card belong to two memories";
    case MS_E_CLOCK:
      return "the memory's clock is at its end: it can be read, not written";
    case MS_E_OTHER_NAME:
      return "the same picture has another name";
    case MS_E_HISTORY_FULL:
      return "the history is full: nothing can be written before a part of it goes";
    default:
      return "unknown error";
  }
}

typedef struct {
  char* text;
  size_t room, length;
} writer;

static void put(writer* w, const char* text) {
  for (; *text; text++)
    if (w->length + 1 < w->room) w->text[w->length++] = *text;
}

static void put_number(writer* w, uint32_t n) {
  char digits[11];
  int at = 10;
  digits[at] = 0;
  do digits[--at] = (char)('0' + n % 10), n /= 10;
  while (n);
  put(w, digits + at);
}

size_t ms_report_text(const ms_report* r, char* text, size_t bytes) {
  static const char* const kept[5] = {"both copies agree", "a new, empty memory was made",
                                      "kept the primary copy and repaired the mirror",
                                      "kept the mirror's newer or only copy and repaired the primary files",
                                      "repaired both copies from each other"};
  static const char* const as_found[5] = {
      "both copies agree", "there is no memory", "the mirror is older or damaged",
      "the primary files are older or damaged", "each copy has lost something that the other one has"};
  if (!r || !text || !bytes) return 0;
  writer w = {text, bytes, 0};
  if (r->read_only) put(&w, "read-only, nothing is saved: ");
  put(&w, (r->read_only && r->kept != MS_STATE_CLEAN ? as_found
                                                     : kept)[r->kept <= MS_STATE_MERGED ? r->kept : 0]);
  if (r->primary_repaired + r->mirror_repaired && !r->read_only) {
    put(&w, " (");
    put_number(&w, r->primary_repaired);
    put(&w, " primary and ");
    put_number(&w, r->mirror_repaired);
    put(&w, " mirror sectors)");
  }
  if (r->metadata_repaired) put(&w, "; rewrote memory_metadata.json");
  if (r->metadata_error) {
    put(&w, "; memory_metadata.json cannot be written: ");
    put(&w, ms_strerror(r->metadata_error));
  }
  if (r->log_repaired) {
    put(&w, "; repaired ");
    put_number(&w, r->log_repaired);
    put(&w, " sectors of the history");
  }
  if (r->history_gone) put(&w, "; the history is gone, and what was not flushed");
  if (r->from_history) {
    put(&w, "; took ");
    put_number(&w, r->from_history);
    put(&w, " slots from the history alone");
  }
  if (r->restore_cut)
    put(&w, "; an interrupted restore of version 1 could not be finished: a part is as it was before");
  if (r->states_damaged) {
    put(&w, "; of the last ");
    put_number(&w, r->states_checked);
    put(&w, " states ");
    put_number(&w, r->states_damaged);
    put(&w, " are damaged");
  }
  put(&w, "; ");
  put_number(&w, r->occupied);
  put(&w, " slots in use");
  if (r->lost) {
    put(&w, "; LOST: ");
    put_number(&w, r->lost);
    put(&w, r->lost == 1 ? " slot (" : " slots (");
    for (uint32_t i = 0; i < r->lost && i < 16; i++) {
      if (i) put(&w, ", ");
      put_number(&w, (uint32_t)r->lost_slots[i]);
      if (r->lost_names[i][0]) put(&w, " ");
      put(&w, r->lost_names[i]);
    }
    put(&w, r->lost > 16 ? ", ...)" : ")");
  }
  w.text[w.length] = 0;
  return w.length;
}
