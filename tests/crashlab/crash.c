#include "crash.h"

#include <string.h>

uint32_t crash_epochs(const sim_entry* log, uint32_t entries) {
  uint32_t n = 1;
  for (uint32_t i = 0; i < entries; i++) n += log[i].kind == LOG_SYNC;
  return n;
}

uint32_t crash_epoch(const sim_entry* log, uint32_t entries, uint32_t epoch, uint32_t* first) {
  uint32_t n = 0, count = 0;
  *first = epoch ? entries : 0;
  for (uint32_t i = 0; i < entries; i++) {
    if (log[i].kind == LOG_SYNC) {
      if (++n == epoch) *first = i + 1;
      continue;
    }
    count += n == epoch;
  }
  return count;
}

static void write_entry(sim_card* card, const sim_entry* entry) {
  if (entry->kind == LOG_WRITE) sim_poke(card, entry->at, entry->data, entry->bytes);
  if (entry->kind == LOG_SIZE) card->work.size[entry->file] = entry->at;
}

static void write_torn(sim_card* card, const sim_entry* entry, uint32_t at, uint32_t mode) {
  uint8_t sector[MS_SECTOR];
  uint64_t seed = entry->at + at;
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

static void damage_region(sim_card* card, uint64_t at, uint32_t fill) {
  uint64_t start = at / SIM_REGION * SIM_REGION, end = start + SIM_REGION, seed = at;
  for (; start < end && start < card->disk_bytes; start += MS_SECTOR) {
    uint8_t sector[MS_SECTOR];
    memset(sector, fill == 0 ? 0 : 0xff, sizeof sector);
    for (uint32_t i = 0; fill == 2 && i < MS_SECTOR; i++) sector[i] = (uint8_t)sim_random(&seed);
    sim_poke(card, start, sector, MS_SECTOR);
  }
}

/* Masks of up to 30 entries are exhaustive; of a longer epoch, the mask is the seed of a random subset. */
static int chosen(uint32_t mask, uint32_t entry) {
  uint64_t seed = (uint64_t)mask << 32 | entry;
  return mask >> 31 ? (int)(sim_random(&seed) & 1) : entry < 31 && (mask >> entry & 1);
}

int crash_apply(sim_card* card, const sim_entry* log, uint32_t entries, crash how) {
  uint32_t before = entries, first = 0;
  if (how.kind == 'c' || how.kind == 't' || how.kind == 'r') {
    if (how.a > entries || (how.kind != 'c' && how.a == entries)) return 0;
    before = how.a;
  }
  if (how.kind == 'd') {
    if (how.a >= crash_epochs(log, entries)) return 0;
    crash_epoch(log, entries, how.a, &first);
    before = first;
  }
  for (uint32_t i = 0; i < before; i++) write_entry(card, &log[i]);
  switch (how.kind) {
    case 'c':
    case '-':
      return 1;
    case 't':
      if (log[how.a].kind != LOG_WRITE || how.b >= log[how.a].bytes) return 0;
      write_torn(card, &log[how.a], how.b, how.c);
      return 1;
    case 'r':
      if (log[how.a].kind != LOG_WRITE) return 0;
      damage_region(card, log[how.a].at, how.b);
      return 1;
    case 'd': {
      uint32_t in_epoch = 0, last = entries;
      for (uint32_t i = first; i < entries && log[i].kind != LOG_SYNC; i++, in_epoch++) {
        if (!chosen(how.b, in_epoch)) continue;
        if (last < entries) write_entry(card, &log[last]);
        last = i;
      }
      if (last == entries) return how.c == 0;
      if (how.c && (log[last].kind != LOG_WRITE || how.c >= log[last].bytes)) return 0;
      if (how.c)
        write_torn(card, &log[last], how.c, 0);
      else
        write_entry(card, &log[last]);
      return 1;
    }
    case 'f': {
      uint32_t bits[2] = {how.b, how.c - 1};
      for (int i = 0; i < (how.c ? 2 : 1); i++) {
        if (!card->work.size[how.a] || bits[i] / 8 >= card->work.size[how.a] - 1) return 0;
        uint64_t at = card->place[how.a].start + bits[i] / 8;
        uint8_t byte = card->work.disk[at] ^ (uint8_t)(1u << bits[i] % 8);
        sim_poke(card, at, &byte, 1);
      }
      return 1;
    }
    default:
      return 0;
  }
}
