#include "memory_words.h"

#include "board.h"
#include "card.h"
#include "json.h"
#include "measure.h"
#include "output.h"
#include "parse.h"
#include "teaching.h"
#include "text.h"

namespace bitmar {

/* 0, 1 or a decimal fraction between them. */
static bool parse_fraction(const char* text, float* value) {
  uint32_t digits = 0, number = 0, scale = 1;
  bool point = false;
  for (; *text; text++) {
    if (*text == '.' && !point) {
      point = true;
    } else if (*text >= '0' && *text <= '9') {
      if (++digits > 7) return false;
      number = number * 10 + static_cast<uint32_t>(*text - '0');
      if (point) scale *= 10;
    } else {
      return false;
    }
  }
  *value = static_cast<float>(number) / static_cast<float>(scale);
  return digits && number <= scale;
}

/* "2026-01-31", "2026-01-31 12:00" or "2026-01-31T12:00:59", UTC, as seconds since 1970: before that 0, which
 * no state is as old as, and after 2106 the most that 32 bits hold. */
static bool parse_time(const char* text, uint32_t* seconds) {
  uint32_t part[6] = {0, 1, 1, 0, 0, 0};
  static const char separators[] = "--T::";
  uint32_t i = 0;
  for (; i < 6; i++) {
    uint32_t digits = 0, number = 0;
    for (; *text >= '0' && *text <= '9' && digits < 4; digits++)
      number = number * 10 + static_cast<uint32_t>(*text++ - '0');
    if (digits != (i ? 2u : 4u)) return false;
    part[i] = number;
    if (!*text) break;
    if (i == 5 || (*text != separators[i] && !(i == 2 && *text == ' '))) return false;
    text++;
  }
  if (i < 2 || i == 3 || part[0] < 1 || part[1] < 1 || part[1] > 12 || part[2] < 1 || part[2] > 31)
    return false;
  if (part[3] > 23 || part[4] > 59 || part[5] > 59) return false;
  /* days of the civil calendar, years beginning in March */
  const uint32_t year = part[0] - (part[1] <= 2), month = (part[1] + 9) % 12;
  const uint32_t days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + part[2] - 1;
  const int64_t all = (static_cast<int64_t>(days) - 719468) * 86400 + part[3] * 3600 + part[4] * 60 + part[5];
  *seconds = all < 0 ? 0 : all > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(all);
  return true;
}

Problem forget(char* name, bool as_json) {
  normalise(name);
  uint32_t count = 0;
  if (const int error = ms_forget(memory(), name, &count)) return ms_strerror(error);
  Json json(as_json);
  json.begin("forget");
  json.text("name", name);
  json.number("count", count);
  if (!as_json) put_text(name), put(": "), put_number(count), put(" forgotten");
  finish(&json);
  return nullptr;
}

Problem rename(char* old_name, char* new_name, bool as_json) {
  static WrittenName written;
  normalise(old_name);
  normalise(new_name);
  if (Problem problem = check_name(new_name)) return problem;
  if (Problem problem = write_name(memory(), new_name, nullptr, &written)) return problem;
  const uint32_t flags = written.decodes ? MS_DECODES : 0;
  if (const int error = ms_rename_thing(memory(), old_name, new_name, written.episode, flags))
    return ms_strerror(error);
  Json json(as_json);
  json.begin("rename");
  json.text("old", old_name);
  json.text("new", new_name);
  if (!as_json) put_text(old_name), put(" is now "), put_text(new_name);
  finish(&json);
  return nullptr;
}

Problem mem_show(bool as_json) {
  Json json(as_json);
  json.begin("mem show");
  json.begin_list("slots");
  uint32_t occupied = 0;
  for (uint32_t slot = 0; slot < memory_slots(); slot++) {
    ms_info info;
    if (ms_slot_info(memory(), slot, &info) != MS_OK || !info.occupied) continue;
    occupied++;
    json.begin_item();
    json.number("slot", slot);
    json.text("name", info.name);
    json.number("uses", info.uses);
    json.number("writes", info.writes);
    json.number("views", info.views);
    json.boolean("decodes", info.decodes);
    json.boolean("kept", info.kept);
    json.decimal("importance", info.importance, 4);
    json.boolean("hot", info.hot);
    json.boolean("saved", info.saved);
    json.number("time", info.time);
    json.end_item();
    if (as_json) continue;
    put_number(slot), put("  "), put_text(info.name), put("  uses "), put_number(info.uses), put(", views ");
    put_number(info.views), put(", importance "), put_decimal(info.importance, 2);
    put(info.kept ? ", kept" : ""), put(info.decodes ? ", decodes" : ", from its label");
    put(info.hot ? ", in RAM" : ""), put(info.saved ? "\n" : ", not saved\n");
  }
  json.end_list();
  ms_stats stats;
  ms_get_stats(memory(), &stats);
  json.number("size", memory_slots());
  json.number("sectors_read", static_cast<uint32_t>(stats.sectors_read));
  json.number("sectors_written", static_cast<uint32_t>(stats.sectors_written));
  json.number("barriers", static_cast<uint32_t>(stats.barriers));
  json.number("hits", static_cast<uint32_t>(stats.hits));
  json.number("misses", static_cast<uint32_t>(stats.misses));
  if (!as_json) put_number(occupied), put(" of "), put_number(memory_slots()), put(" slots");
  finish(&json);
  return nullptr;
}

Problem mem_verify(bool as_json) {
  const ms_report* report;
  const char* text;
  if (const int error = card_verify(&report, &text)) return ms_strerror(error);
  Json json(as_json);
  json.begin("mem verify");
  json.text("report", text);
  json.begin_list("lost");
  const uint32_t named = sizeof report->lost_names / sizeof *report->lost_names;
  for (uint32_t i = 0; i < report->lost && i < named; i++) json.item(report->lost_names[i]);
  json.end_list();
  if (!as_json) put_text(text);
  finish(&json);
  return nullptr;
}

Problem mem_prune(const char* importance, bool as_json) {
  float below;
  if (!parse_fraction(importance, &below)) return "mem prune: expected a number from 0 to 1";
  uint32_t count = 0;
  if (const int error = ms_prune(memory(), below, &count)) return ms_strerror(error);
  Json json(as_json);
  json.begin("mem prune");
  json.number("count", count);
  if (!as_json) put_number(count), put(" forgotten");
  finish(&json);
  return nullptr;
}

/* What a write did, as bitmar/memory_abi.py calls it, and in words. */
static const char* const kDeeds[][2] = {{"none", ""},
                                        {"new", "taught "},
                                        {"merged", "taught again "},
                                        {"replaced", "replaced something by "},
                                        {"evicted", "made room for "},
                                        {"forgotten", "forgot "},
                                        {"renamed", "renamed to "},
                                        {"undone", "undo"},
                                        {"restored", "restore"},
                                        {"revised", "changed the importance of "},
                                        {"found", "found again "}};

/* The oldest and the newest state; both 0 where nothing was ever written. */
static int history_range(uint32_t* oldest, uint32_t* newest) {
  const int error = ms_history_range(memory(), oldest, newest);
  return error == MS_E_NOT_FOUND ? MS_OK : error;
}

static void show_state(Json* json, const ms_state& state) {
  const bool group = state.action == MS_WRITE_UNDONE || state.action == MS_WRITE_RESTORED;
  const uint32_t known = sizeof kDeeds / sizeof *kDeeds;
  const char* const* deed = kDeeds[state.action < known ? state.action : 0];
  json->begin_item();
  json->number("number", state.number);
  json->number("time", state.time);
  json->text("action", deed[0]);
  json->number("slot", state.slot);
  json->text("name", state.name);
  json->end_item();
  if (json->on()) return;
  put("state "), put_number(state.number), put(": "), put(deed[1]);
  if (!group) put_text(state.name); /* of several slots the last one's name says nothing */
  put("\n");
}

Problem mem_history(bool as_json) {
  enum { kShown = 20 };
  uint32_t oldest = 0, newest = 0, count = 0, numbers[kShown];
  if (const int error = history_range(&oldest, &newest)) return ms_strerror(error);
  ms_state state;
  for (uint32_t number = newest; number > oldest && count < kShown; number = state.number - 1) {
    if (ms_history_info(memory(), number, &state) != MS_OK || state.number <= oldest) break;
    numbers[count++] = state.number;
  }
  Json json(as_json);
  json.begin("mem history");
  json.number("oldest", oldest);
  json.number("newest", newest);
  json.begin_list("states");
  while (count)
    if (ms_history_info(memory(), numbers[--count], &state) == MS_OK) show_state(&json, state);
  json.end_list();
  if (!as_json) put("states "), put_number(oldest), put(" to "), put_number(newest), put(" can be restored");
  finish(&json);
  return nullptr;
}

static Problem went_back(const char* word, uint32_t number, bool as_json) {
  ms_stats stats;
  ms_get_stats(memory(), &stats);
  Json json(as_json);
  json.begin(word);
  json.number("state", number);
  json.number("occupied", stats.occupied);
  if (!as_json)
    put("state "), put_number(number), put(" restored: "), put_number(stats.occupied), put(" things");
  finish(&json);
  return nullptr;
}

Problem mem_undo(const char* writes, bool as_json) {
  uint32_t count = 1, number = 0;
  if (writes && (!parse_number(writes, 0xFFFFFFFEu, &count) || !count))
    return "mem undo: expected a number of writes";
  ms_set_time(memory(), board_time());
  if (const int error = ms_undo(memory(), count, &number)) return ms_strerror(error);
  return went_back("mem undo", number, as_json);
}

Problem mem_restore(const char* state, bool as_json) {
  uint32_t number, seconds;
  if (!parse_number(state, 0xFFFFFFFEu, &number)) {
    if (!parse_time(state, &seconds))
      return "mem restore: expected a state's number or a time like 2026-01-31 12:00";
    if (const int error = ms_history_find(memory(), seconds, &number)) return ms_strerror(error);
  }
  ms_set_time(memory(), board_time());
  if (const int error = ms_restore(memory(), number)) return ms_strerror(error);
  return went_back("mem restore", number, as_json);
}

Problem mem_diff(const char* state, const char* other, bool as_json) {
  uint32_t one, two, count = 0;
  if (!parse_number(state, 0xFFFFFFFEu, &one) || !parse_number(other, 0xFFFFFFFEu, &two))
    return "mem diff: expected the numbers of two states";
  if (const int error = ms_diff(memory(), one, two)) return ms_strerror(error);
  Json json(as_json);
  json.begin("mem diff");
  json.begin_list("slots");
  for (uint32_t slot = 0; slot < memory_slots(); slot++) {
    char before[MS_NAME_BYTES], after[MS_NAME_BYTES];
    if (ms_diff_slot(memory(), slot, before, after) <= 0) continue;
    count++;
    json.begin_item();
    json.number("slot", slot);
    json.text("before", before);
    json.text("after", after);
    json.end_item();
    if (as_json) continue;
    put("slot "), put_number(slot), put(": "), put_text(*before ? before : "empty"), put(" -> ");
    put_text(*after ? after : "empty"), put("\n");
  }
  json.end_list();
  if (!as_json) put_number(count), put(" slots differ");
  finish(&json);
  return nullptr;
}

}  // namespace bitmar
