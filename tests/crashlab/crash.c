#include "crash.h"

#include <string.h>

uint32_t crash_epochs(const sim_log* log) {
  uint32_t n = 1;
  for (uint32_t i = 0; i < log->count; i++) n += log->entry[i].kind == LOG_SYNC;
  return n;
}

uint32_t crash_epoch(const sim_log* log, uint32_t epoch, uint32_t* first) {
  uint32_t n = 0, count = 0;
  *first = epoch ? log->count : 0;
  for (uint32_t i = 0; i < log->count; i++) {
    if (log->entry[i].kind == LOG_SYNC) {
      if (++n == epoch) *first = i + 1;
      continue;
    }
    count += n == epoch;
  }
  return count;
}

static void write_torn(sim_card* card, const sim_entry* entry, uint64_t at, uint64_t mode) {
  uint8_t sector[MS_SECTOR];
  uint64_t seed = entry->at + at;
  if (entry->dropped) return;
  memcpy(sector, card->work.disk + entry->at, entry->bytes);
  for (uint32_t i = 0; i < entry->bytes; i++) {
    if ((i < at) == (mode != 1))
      sector[i] = entry->data[i];
    else if (mode == 2)
      sector[i] = 0xff;
    else if (mode == 3)
      sector[i] = (uint8_t)sim_random(&seed);
  }
  sim_poke(card, entry->at, sector, entry->bytes);
}

static void damage(sim_card* card, uint64_t start, uint64_t end, uint64_t fill) {
  uint64_t seed = start;
  for (; start < end && start < card->disk_bytes; start += MS_SECTOR) {
    uint8_t sector[MS_SECTOR];
    memset(sector, fill == 0 ? 0 : 0xff, sizeof sector);
    for (uint32_t i = 0; fill == 2 && i < MS_SECTOR; i++) sector[i] = (uint8_t)sim_random(&seed);
    sim_poke(card, start, sector, MS_SECTOR);
  }
}

static void flip(sim_card* card, uint64_t bit) {
  uint64_t at = bit / 8 % card->disk_bytes;
  uint8_t byte = card->work.disk[at] ^ (uint8_t)(1u << bit % 8);
  sim_poke(card, at, &byte, 1);
}

/* Masks of up to 30 entries are exhaustive; of a longer epoch, the mask is the seed of a random subset. */
static int chosen(uint64_t mask, uint32_t entry) {
  uint64_t seed = mask << 32 | entry;
  return mask >> 31 ? (int)(sim_random(&seed) & 1) : entry < 31 && (mask >> entry & 1);
}

static uint32_t last_chosen(const sim_log* log, uint32_t first, uint64_t mask) {
  uint32_t last = log->count;
  for (uint32_t i = first; i < log->count && log->entry[i].kind != LOG_SYNC; i++)
    if (chosen(mask, i - first)) last = i;
  return last;
}

uint32_t crash_time(const sim_log* log, crash how) {
  uint32_t first, last;
  switch (how.kind) {
    case 'c':
    case 't':
    case 'r':
    case 'u':
    case 'x':
      return how.a;
    case 'd':
      last = crash_epoch(log, how.a, &first);
      if (how.c == CRASH_LATE) return first + last;
      last = last_chosen(log, first, how.b);
      return last == log->count ? first : last + 1;
    default:
      return log->count;
  }
}

int crash_apply(sim_card* card, const sim_log* log, crash how) {
  uint32_t before = log->count, first = 0, last;
  const sim_entry* entry = how.a < log->count ? log->entry + how.a : NULL;
  sim_rewind(card);
  if (strchr("ctrux", how.kind)) {
    if (how.a > log->count || (how.kind != 'c' && how.kind != 'x' && how.a == log->count)) return 0;
    if ((how.kind == 't' || how.kind == 'r' || how.kind == 'u') && entry->kind != LOG_WRITE) return 0;
    before = how.a;
  }
  if (how.kind == 'd') {
    if (how.a >= crash_epochs(log)) return 0;
    crash_epoch(log, how.a, &first);
    before = first;
  }
  for (uint32_t i = 0; i < before; i++) sim_apply(card, &log->entry[i]);
  switch (how.kind) {
    case 'c':
    case '-':
      return 1;
    case 't':
      if (how.b >= entry->bytes) return 0;
      write_torn(card, entry, how.b, how.c);
      return 1;
    case 'r':
      damage(card, entry->at / SIM_REGION * SIM_REGION, (entry->at / SIM_REGION + 1) * SIM_REGION, how.b);
      return 1;
    case 'u': /* a unit is larger than what these memories take: its border is somewhere in them, or not */
      if (entry->at < how.b * MS_SECTOR)
        damage(card, 0, how.b * MS_SECTOR, how.c);
      else
        damage(card, how.b * MS_SECTOR, card->disk_bytes, how.c);
      return 1;
    case 'd':
      last = last_chosen(log, first, how.b);
      for (uint32_t i = first; i < last && i < log->count && log->entry[i].kind != LOG_SYNC; i++) {
        uint64_t seed = how.c + i;
        if (!chosen(how.b, i - first)) continue;
        if (how.c >= CRASH_ALL_TORN && log->entry[i].kind == LOG_WRITE)
          write_torn(card, &log->entry[i], sim_random(&seed) % log->entry[i].bytes, 0);
        else
          sim_apply(card, &log->entry[i]);
      }
      if (last == log->count) return how.c == 0 || how.c == CRASH_LATE;
      if (!how.c || how.c == CRASH_LATE || (how.c >= CRASH_ALL_TORN && log->entry[last].kind != LOG_WRITE)) {
        sim_apply(card, &log->entry[last]);
        return 1;
      }
      if (how.c >= CRASH_ALL_TORN) {
        write_torn(card, &log->entry[last], 1 + how.c % (log->entry[last].bytes - 1), 0);
        return 1;
      }
      if (log->entry[last].kind != LOG_WRITE || how.c >= log->entry[last].bytes) return 0;
      write_torn(card, &log->entry[last], how.c, 0);
      return 1;
    case 'f':
      flip(card, how.b);
      if (how.c) flip(card, how.c - 1);
      return 1;
    case 'x':
      flip(card, how.b);
      return 1;
    case 'g':
      if (how.a >= card->files || card->work.size[how.a] <= how.b + 1) return 0;
      card->work.size[how.a] = how.b ? how.b + 1 : 0;
      return 1;
    default:
      return 0;
  }
}
