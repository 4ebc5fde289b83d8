/* sdfat_lab SCENARIO FORMAT EVERY: the Teensy's port on a card in RAM that is cut off, pulled out, full,
 * protected or failing. FORMAT: fat16, exfat; with "-whole" without a partition table. EVERY n-th point where
 * something can happen is tried. Prints what was tried, and every violation; exit code 1 if there was one. */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#include "board.h"
#include "card_sdfat.h"
#include "ram_disk.h"
#include "teensy_api.h"

extern "C" {
#include "ff.h"
}

/* -- the board */

volatile uint32_t HW_OCOTP_CFG0 = 1, HW_OCOTP_CFG1 = 2, ARM_DWT_CYCCNT;
uint32_t millis() { return micros() / 1000; }
uint32_t micros() { return ARM_DWT_CYCCNT = ARM_DWT_CYCCNT + 12345; }
unsigned long rtc_get() { return 1790000000; }
void board_watchdog_feed() { ram_disk::since_fed = 0; }

namespace {
constexpr uint32_t kSlots = 4, kDim = 32;
constexpr uint32_t kLong = 131; /* writes, more than a file of the history has here */
alignas(8) uint8_t buffer[MS_MEMORY_BYTES(kSlots, kDim, kSlots)];
bool exfat, whole; /* the format */
uint32_t segment_bytes = 280000;
uint32_t every;
unsigned scenarios, violations;

void check(bool good, const char* what, uint32_t at = 0, int error = 0) {
  if (good) return;
  if (++violations < 20) std::printf("VIOLATION %s (%u, %d)\n", what, at, error);
}

ms_config config() {
  ms_config c = {};
  c.slots = c.hot = kSlots;
  c.dim = kDim;
  c.alpha = 0.2f;
  c.merge_threshold = 0.99f;
  c.segment_bytes = segment_bytes;
  return c;
}

void numbers(uint32_t thing, float* episode, float* key) {
  uint32_t x = (thing + 1) * 2654435761u;
  float length = 0;
  for (uint32_t i = 0; i < kDim; i++) {
    x = x * 1664525u + 1013904223u;
    episode[i] = static_cast<float>(static_cast<int32_t>(x >> 20) - 2048) / 1024.0f;
    key[i] = static_cast<float>(static_cast<int32_t>(x >> 8 & 0xff) - 128);
    length += key[i] * key[i];
  }
  for (uint32_t i = 0; i < kDim; i++) key[i] /= __builtin_sqrtf(length);
}

int teach(ms_memory* m, uint32_t thing) {
  float episode[kDim], key[kDim];
  char name[24];
  std::snprintf(name, sizeof name, "thing %u", thing);
  numbers(thing, episode, key);
  return ms_teach(m, name, episode, key, 1.0f, 0, nullptr);
}

/* Are the last of so many things there, with their numbers, and nothing else? */
bool holds(ms_memory* m, uint32_t things) {
  ms_stats stats;
  ms_get_stats(m, &stats);
  const uint32_t first = things > kSlots ? things - kSlots : 0;
  bool all = stats.occupied == things - first;
  for (uint32_t n = first; n < things; n++) {
    float episode[kDim], key[kDim], values[kDim];
    char name[24];
    std::snprintf(name, sizeof name, "thing %u", n);
    numbers(n, episode, key);
    const int32_t slot = ms_find(m, name, 0);
    all = all && slot >= 0 && ms_read_slot(m, static_cast<uint32_t>(slot), values) == MS_OK &&
          !std::memcmp(values, episode, sizeof values);
  }
  return all;
}

int open(ms_memory** m, ms_report* report = nullptr, uint32_t flags = 0) {
  const ms_config c = config();
  *m = nullptr;
  const ms_port* port = card_sdfat();
  return port ? ms_open(m, buffer, sizeof buffer, &c, port, flags, report) : MS_E_NO_CARD;
}

void close(ms_memory* m) {
  if (m) ms_close(m);
  card_sdfat_unmount();
}

/* -- the card, as another machine sees it: FatFs */

void with_card(const std::function<void(FATFS*)>& work) {
  static FATFS volume;
  std::memset(&volume, 0, sizeof volume);
  if (f_mount(&volume, "", 1) != FR_OK) std::abort();
  work(&volume);
  f_mount(nullptr, "", 0);
}

void format() {
  static uint8_t work[4096];
  const MKFS_PARM how = {static_cast<BYTE>((exfat ? FM_EXFAT : FM_FAT) | (whole ? FM_SFD : 0)), 1, 0, 0,
                         exfat ? 4096u : 512u};
  ram_disk::fill_with_garbage();
  if (f_mkfs("", &how, work, sizeof work) != FR_OK) std::abort();
  ram_disk::power_on();
}

uint32_t free_clusters() {
  DWORD free = 0;
  with_card([&](FATFS*) {
    FATFS* same;
    f_getfree("", &free, &same);
  });
  return free;
}

/* A file that leaves so many clusters. */
void leave_free(uint32_t clusters) {
  with_card([&](FATFS* volume) {
    FATFS* same;
    DWORD free;
    FIL filler;
    f_open(&filler, "filler.bin", FA_WRITE | FA_CREATE_ALWAYS);
    f_getfree("", &free, &same);
    if (free > clusters) {
      f_lseek(&filler, static_cast<FSIZE_t>(free - clusters) * volume->csize * 512);
      f_truncate(&filler);
    }
    f_close(&filler);
  });
}

/* Of the memory's folder. */
bool is_there(const char* name) {
  bool there = false;
  with_card([&](FATFS*) {
    FILINFO info;
    char path[64];
    std::snprintf(path, sizeof path, "bitmar_memory/%s", name);
    there = f_stat(path, &info) == FR_OK;
  });
  return there;
}

void make_memory(uint32_t things) {
  ms_memory* m;
  const int error = open(&m);
  check(error == MS_OK, "a memory cannot be made", 0, error);
  for (uint32_t n = 0; n < things && m; n++) check(teach(m, n) == MS_OK, "a thing cannot be taught", n);
  close(m);
  ram_disk::power_on();
}

/* After the power is back or the card is in its slot again: so many things or one more; the next write works,
 * and is there after another start. */
void check_whole(uint32_t things, bool or_one_more, const char* what, uint32_t at) {
  ms_memory* m;
  ms_report report;
  ram_disk::power_on();
  scenarios++;
  int error = open(&m, &report);
  if (error != MS_OK) {
    check(false, what, at, error);
    return close(m);
  }
  if (or_one_more && holds(m, things + 1)) things++;
  check(holds(m, things) && !report.lost, what, at, 1);
  error = teach(m, things);
  check(error == MS_OK, "the next write fails", at, error);
  close(m);
  error = open(&m);
  check(error == MS_OK && holds(m, things + 1), "the next write is lost", at, error);
  close(m);
  for (const char* name : {"memory_index.bin", "memory_backup.bin", "history/000000.bin"})
    check(is_there(name), "another machine does not see the files", at);
}

/* -- scenarios */

/* Many sessions, over the border of a file of the history. */
void life() {
  make_memory(0);
  for (uint32_t things = 0; things < 300; things += 50) {
    ms_memory* m;
    const int error = open(&m);
    check(error == MS_OK && holds(m, things), "a session does not begin where the last one ended", things,
          error);
    for (uint32_t n = 0; n < 50 && m; n++) check(teach(m, things + n) == MS_OK, "a write fails", things + n);
    close(m);
    scenarios++;
  }
  check(is_there("history/000001.bin"), "the history has no second file");
}

bool in_a_run(const std::vector<uint32_t>& order, uint32_t at) {
  return order[at - 1] == order[at - 2] + 1 && order[at] == order[at - 1] + 1;
}

/* The power goes at every write while a memory is made and the first thing is taught, on clusters that hold a
 * former memory. */
void cut() {
  make_memory(3);
  with_card([](FATFS*) {
    for (const char* name :
         {"/memory_slots.bin", "/memory_index.bin", "/memory_backup.bin", "/memory_metadata.json",
          "/history/000000.bin", "/history/000001.bin", "/history", ""}) {
      char path[64];
      std::snprintf(path, sizeof path, "bitmar_memory%s", name);
      if (f_unlink(path) != FR_OK) std::abort();
    }
  });
  ram_disk::keep();
  ram_disk::restore();
  ms_memory* m;
  open(&m);
  teach(m, 0);
  const std::vector<uint32_t> order = ram_disk::written();
  const uint32_t writes = ram_disk::writes;
  close(m);
  check(writes > 200, "few writes", writes);
  for (uint32_t at = 1; at <= writes; at++) {
    /* the middle of a run of sectors: one as the other */
    if (at > 2 && at < writes && in_a_run(order, at) && at % every) continue;
    ram_disk::restore();
    ram_disk::cut_at = at;
    const bool taught = open(&m) == MS_OK && teach(m, 0) == MS_OK;
    close(m);
    check(!taught || at == writes, "success without power", at);
    check_whole(0, true, "after a cut the memory is neither the old nor the new one", at);
  }
}

/* Pulled at some moment, put back: what was acknowledged is there, and the port has all its files again. */
void pulled() {
  make_memory(3);
  ram_disk::keep();
  ms_memory* m;
  open(&m);
  teach(m, 3);
  const uint32_t transfers = ram_disk::transfers;
  close(m);
  for (uint32_t at = 1; at <= transfers; at += every) {
    ram_disk::restore();
    ram_disk::pull_at = at;
    const bool opened = open(&m) == MS_OK, taught = opened && teach(m, 3) == MS_OK;
    if (opened) check(ms_close(m) != MS_OK, "a close without a card succeeds", at);
    card_sdfat_unmount();
    check(card_sdfat() == nullptr, "a card that is not there", at);
    check_whole(3 + taught, !taught, "after the card was pulled something is missing", at);
  }
  /* and in one session, without `unmount`: as an application that opens again at once */
  ram_disk::restore();
  check(open(&m) == MS_OK, "the card cannot be opened");
  ram_disk::there = false;
  check(teach(m, 3) != MS_OK, "success without a card");
  check(ms_close(m) != MS_OK, "a close without a card succeeds");
  check_whole(3, true, "a card that came back is not mounted again", 0);
}

/* One transfer fails, once: the word says so, or has done what it says; nothing is ever lost. The history has
 * two files. */
void failing() {
  make_memory(kLong);
  ram_disk::keep();
  ms_memory* m;
  open(&m);
  teach(m, kLong);
  ms_close(m);
  const uint32_t transfers = ram_disk::transfers;
  card_sdfat_unmount();
  for (uint32_t at = 1; at <= transfers; at += every) {
    ram_disk::restore();
    ram_disk::fail_at = at;
    const bool opened = open(&m) == MS_OK;
    if (opened) check(holds(m, kLong), "an opened memory is not what was there", at);
    const bool taught = opened && teach(m, kLong) == MS_OK;
    if (opened) ms_close(m);
    card_sdfat_unmount();
    check_whole(kLong + taught, !taught, "after one error something is missing", at);
  }
}

/* Little room: the card is full or the memory is made; never half of one, never a write without an end. */
void full() {
  bool made = false;
  format();
  const uint32_t before = free_clusters();
  make_memory(1);
  const uint32_t needed = before - free_clusters();
  for (uint32_t clusters = 0; !made; clusters += clusters < 8 ? 1 : every) {
    format();
    leave_free(clusters);
    ms_memory* m;
    const int error = open(&m);
    made = error == MS_OK;
    if (made) {
      const int taught = teach(m, 0);
      check(taught == MS_OK ? holds(m, 1) : taught == MS_E_CARD_FULL && holds(m, 0),
            "a thing cannot be taught", clusters, taught);
    }
    close(m);
    scenarios++;
    if (made) break;
    check(error == MS_E_CARD_FULL, "a full card is not said to be full", clusters, error);
    for (const char* name :
         {"memory_backup.bin", "memory_slots.bin", "memory_index.bin", "history/000000.bin"})
      check(!is_there(name), "half of a memory is left on a full card", clusters);
    check(clusters < 2 * needed + 16, "the memory is never made", clusters);
  }
  /* the memory is there, something else takes the rest of the card */
  for (const uint32_t clusters : {0u, 1u, 2u}) {
    format();
    make_memory(2);
    leave_free(clusters);
    ms_memory* m;
    const int error = open(&m);
    scenarios++;
    if (exfat && !clusters) { /* SdFat cannot mount it */
      check(error == MS_E_CARD_FULL, "a full card is not said to be full", clusters, error);
      close(m);
      continue;
    }
    check(error == MS_OK && holds(m, 2), "a memory on a full card cannot be read", clusters, error);
    for (uint32_t n = 2; n < 200 && m; n++) {
      const int status = teach(m, n);
      check(status == MS_OK || status == MS_E_CARD_FULL || status == MS_E_HISTORY_FULL,
            "a full card is not said to be full", n, status);
      if (status != MS_OK) break;
    }
    close(m);
  }
}

/* Files that are read-only: said so, and they can be asked; nothing is written. */
void read_only() {
  static const char* const names[] = {"memory_index.bin", "memory_backup.bin", "memory_slots.bin",
                                      "history/000000.bin"};
  make_memory(3);
  ram_disk::keep();
  for (const char* name : names) {
    ram_disk::restore();
    with_card([&](FATFS*) {
      char path[64];
      std::snprintf(path, sizeof path, "bitmar_memory/%s", name);
      if (f_chmod(path, AM_RDO, AM_RDO) != FR_OK) std::abort();
    });
    ram_disk::power_on();
    ms_memory* m;
    int error = open(&m);
    check(error == MS_E_READ_ONLY, "read-only is reported as something else", 0, error);
    close(m);
    error = open(&m, nullptr, MS_OPEN_READ_ONLY);
    check(error == MS_OK && holds(m, 3), "a read-only memory cannot be asked", 0, error);
    close(m);
    check(ram_disk::writes == 0, "a read-only memory is written", ram_disk::writes);
    check(card_sdfat()->remove(nullptr, name) == MS_E_READ_ONLY, "a read-only file is removed");
    close(nullptr);
    scenarios++;
  }
}

/* No card; a card without a file system; a card that the port knows and that another took the place of. */
void strange() {
  ms_memory* m;
  ram_disk::there = false;
  check(card_sdfat() == nullptr, "a card that is not there");
  ram_disk::fill_with_garbage();
  ram_disk::power_on();
  int error = open(&m);
  check(error == MS_E_FORMAT, "a card without a file system is reported as something else", 0, error);
  close(m);
  format();
  make_memory(2);
  check_whole(2, false, "after a card without a file system", 0);
  uint8_t all[16];
  check(card_sdfat_load("missing.bin", all, sizeof all) == -1, "a file that is not there");
  check(card_sdfat_load("bitmar_memory/memory_index.bin", all, sizeof all) == -1, "a file that is too large");
  check(card_sdfat_file_open("bitmar_memory/memory_index.bin") == 0 && card_sdfat_file_read(0, all, 8) == 0 &&
            !std::memcmp(all, "BITMARMS", 8),
        "a file of the card cannot be read");
  check(card_sdfat_file_read(1 << 20, all, 8) == -1, "more than there is");
  close(nullptr); /* with that file open; the next card has another file system */
  exfat = !exfat;
  format();
  make_memory(2);
  check(card_sdfat_file_read(0, all, 8) == -1, "a file of a card that is gone");
  check_whole(2, false, "another card in its place", 0);
}

/* Files of full size: while a memory is made the watchdog is fed. */
void watchdog() {
  segment_bytes = 0;
  ram_disk::power_on();
  ms_memory* m;
  const int error = open(&m);
  check(error == MS_OK, "a memory cannot be made", 0, error);
  close(m);
  std::printf("%u writes, %u transfers, %u of them without feeding the watchdog\n", ram_disk::writes,
              ram_disk::transfers, ram_disk::longest);
  check(ram_disk::longest < 600, "the watchdog is not fed", ram_disk::longest);
  scenarios++;
}
}  // namespace

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)();
  } all[] = {{"life", life},       {"cut", cut},          {"pulled", pulled},
             {"failing", failing}, {"full", full},        {"read_only", read_only},
             {"strange", strange}, {"watchdog", watchdog}};
  if (argc != 4) return 2;
  exfat = std::strncmp(argv[2], "exfat", 5) == 0;
  whole = std::strstr(argv[2], "-whole");
  every = static_cast<uint32_t>(std::atoi(argv[3]));
  for (const auto& scenario : all) {
    if (std::strcmp(argv[1], scenario.name)) continue;
    format();
    scenario.run();
    std::printf("%u scenarios, %u violations\n", scenarios, violations);
    return violations ? 1 : 0;
  }
  return 2;
}
