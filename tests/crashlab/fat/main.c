/* fat_lab K D HOT THINGS: memstore on FatFs on a RAM disk; every write of every teach is cut, torn and
 * reordered at the level of the disk's sectors. Prints one line of JSON. The last card is written to the file
 * named by argument 5. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fat_port.h"

static uint8_t before[sizeof fat_disk], after[sizeof fat_disk];
static fat_entry log_copy[4096];
static uint64_t buffer[1 << 16];
static ms_config config;
static unsigned long long scenarios, violations;

static void numbers(uint32_t thing, float* episode, float* key) { /* as the firmware's */
  uint32_t x = (thing + 1) * 2654435761u;
  for (uint32_t i = 0; i < 2 * config.dim; i++) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    if (i % 2 == 0)
      episode[i / 2] = (float)((int32_t)(x >> 16 & 0x7ff) - 1024) / 512.0f;
    else
      key[i / 2] = (float)((int32_t)(x >> 16 & 0xff) - 128) / 128.0f;
  }
}

static int teach(ms_memory* m, uint32_t thing) {
  float episode[MS_MAX_DIM], key[MS_MAX_DIM];
  char name[32];
  snprintf(name, sizeof name, "thing %u", thing);
  numbers(thing, episode, key);
  return ms_teach(m, name, episode, key, 1.0f, 0, NULL);
}

/* Is this exactly the memory after so many things? */
static int holds(ms_memory* m, uint32_t things) {
  uint32_t first = things > config.slots ? things - config.slots : 0, occupied = 0;
  for (uint32_t i = 0; i < config.slots; i++) {
    ms_info info;
    if (ms_slot_info(m, i, &info)) return 0;
    occupied += info.occupied;
  }
  if (occupied != things - first) return 0;
  for (uint32_t n = first; n < things; n++) {
    float episode[MS_MAX_DIM], key[MS_MAX_DIM], values[MS_MAX_DIM];
    char name[32];
    ms_info info;
    snprintf(name, sizeof name, "thing %u", n);
    numbers(n, episode, key);
    if (ms_slot_info(m, n % config.slots, &info) || strcmp(info.name, name) ||
        ms_read_slot(m, n % config.slots, values) || memcmp(values, episode, config.dim * sizeof *values))
      return 0;
  }
  return 1;
}

/* Mount and open what is on the disk: `things` or one more, the next write works. */
static void check(uint32_t things, int creating, const char* kind, uint32_t a, uint32_t b) {
  FATFS volume;
  fat_files files;
  ms_memory* m;
  ms_report report;
  const char* wrong = NULL;
  scenarios++;
  memset(&volume, 0, sizeof volume);
  ms_port port = fat_port(&files);
  int status =
      f_mount(&volume, "", 1) == FR_OK ? ms_open(&m, buffer, sizeof buffer, &config, &port, 0, &report) : 1;
  if (status) {
    wrong = status > 0 ? "the volume cannot be mounted" : ms_strerror(status);
  } else {
    int old = holds(m, things), next = !creating && holds(m, things + 1);
    if (report.lost || (!old && !next))
      wrong = "neither the old nor the new state";
    else if (teach(m, things + (uint32_t)next))
      wrong = "the next write fails";
    else if (!holds(m, things + 1 + (uint32_t)next))
      wrong = "the next write is not what was written";
  }
  f_mount(NULL, "", 0);
  if (!wrong) return;
  violations++;
  if (violations < 20) fprintf(stderr, "VIOLATION fat/%u/%s:%u:%u: %s\n", things, kind, a, b, wrong);
}

static void apply(const fat_entry* entry) {
  if (!entry->barrier) memcpy(fat_disk + entry->sector * 512u, entry->data, 512);
}

static void crash_all(uint32_t things, int creating) {
  uint32_t n = fat_log_count;
  memcpy(log_copy, fat_log, n * sizeof *fat_log);
  memcpy(after, fat_disk, sizeof after);
  fat_logging = 0;
  for (uint32_t i = 0; i <= n; i++) {
    memcpy(fat_disk, before, sizeof before);
    for (uint32_t j = 0; j < i; j++) apply(&log_copy[j]);
    check(things, creating, "cut", i, 0);
    /* FAT's own sectors are not written after the making, so everything may be torn; while it is made, FAT's
     * are */
    for (uint32_t b = 8; !creating && i < n && !log_copy[i].barrier && b < 512; b += 24) {
      memcpy(fat_disk, before, sizeof before);
      for (uint32_t j = 0; j < i; j++) apply(&log_copy[j]);
      memcpy(fat_disk + log_copy[i].sector * 512u, log_copy[i].data, b);
      check(things, creating, "tear", i, b);
    }
  }
  for (uint32_t first = 0; !creating && first < n; first++) { /* any subset between two barriers */
    uint32_t count = 0;
    if (first && !log_copy[first - 1].barrier) continue;
    while (first + count < n && !log_copy[first + count].barrier) count++;
    for (uint32_t mask = 0; count < 8 && mask < 1u << count; mask++) {
      memcpy(fat_disk, before, sizeof before);
      for (uint32_t j = 0; j < first; j++) apply(&log_copy[j]);
      for (uint32_t j = 0; j < count; j++)
        if (mask >> j & 1) apply(&log_copy[first + j]);
      check(things, creating, "subset", first, mask);
    }
  }
  memcpy(fat_disk, after, sizeof after);
}

/* The clusters that the memory will get hold a former one, which was deleted. */
static int leave_a_former_memory(void) {
  static const char* const names[] = {"bitmar_memory/memory_slots.bin", "bitmar_memory/memory_index.bin",
                                      "bitmar_memory/memory_backup.bin", "bitmar_memory/memory_metadata.json",
                                      "bitmar_memory/history/000000.bin"};
  FATFS volume;
  fat_files files;
  ms_memory* m;
  memset(&volume, 0, sizeof volume);
  f_mount(&volume, "", 1);
  ms_port port = fat_port(&files);
  if (ms_open(&m, buffer, sizeof buffer, &config, &port, 0, NULL)) return 1;
  for (uint32_t n = 0; n < 3; n++)
    if (teach(m, 1000 + n)) return 1;
  if (ms_close(m)) return 1;
  for (int i = 0; i < 5; i++)
    if (f_unlink(names[i]) != FR_OK) return 1;
  f_mount(NULL, "", 0);
  return 0;
}

int main(int argc, char** argv) {
  static uint8_t work[4096];
  if (argc < 5) return fprintf(stderr, "fat_lab K D HOT THINGS [IMAGE]\n"), 2;
  config = (ms_config){.slots = (uint32_t)atoi(argv[1]),
                       .dim = (uint32_t)atoi(argv[2]),
                       .hot = (uint32_t)atoi(argv[3]),
                       .alpha = 0.2f,
                       .merge_threshold = 0.99f,
                       .segment_bytes = 430000,
                       .model_hash = {1, 35, 69, 103, 137, 171, 205, 239}};
  MKFS_PARM format = {.fmt = FM_FAT | FM_SFD, .n_fat = 1};
  FATFS volume;
  fat_files files;
  ms_memory* m;
  uint32_t data_sectors = 0, barriers = 0, other = 0, things = (uint32_t)atoi(argv[4]);
  for (uint32_t i = 0; i < sizeof fat_disk; i++)
    fat_disk[i] = (uint8_t)(i * 2654435761u >> 13); /* a used card */
  if (f_mkfs("", &format, work, sizeof work) != FR_OK) return fprintf(stderr, "mkfs failed\n"), 3;
  if (leave_a_former_memory()) return fprintf(stderr, "no former memory\n"), 3;
  for (uint32_t n = 0; n <= things; n++) { /* step 0 makes the memory */
    memcpy(before, fat_disk, sizeof before);
    memset(&volume, 0, sizeof volume);
    f_mount(&volume, "", 1);
    ms_port port = fat_port(&files);
    fat_log_count = 0;
    fat_logging = n == 0;
    int status = ms_open(&m, buffer, sizeof buffer, &config, &port, 0, NULL);
    fat_logging = 1;
    if (!status && n) status = teach(m, n - 1);
    fat_logging = 0;
    if (status) return fprintf(stderr, "step %u: %s\n", n, ms_strerror(status)), 3;
    if (n) {
      ms_stats stats;
      ms_get_stats(m, &stats);
      for (uint32_t i = 0; i < fat_log_count; i++) barriers += (uint32_t)fat_log[i].barrier;
      data_sectors += (uint32_t)(stats.sectors_written + stats.log_written);
      other += fat_log_count;
    }
    crash_all(n ? n - 1 : 0, n == 0);
    /* the program goes on: close it properly on the disk that the step left */
    f_mount(NULL, "", 0);
    memset(&volume, 0, sizeof volume);
    f_mount(&volume, "", 1);
    port = fat_port(&files);
    if (ms_open(&m, buffer, sizeof buffer, &config, &port, 0, NULL) || ms_close(m)) return 3;
    f_mount(NULL, "", 0);
  }
  if (argc > 5) {
    FILE* f = fopen(argv[5], "wb");
    if (!f || fwrite(fat_disk, 1, sizeof fat_disk, f) != sizeof fat_disk || fclose(f)) return 3;
  }
  printf(
      "{\"scenarios\": %llu, \"violations\": %llu, \"writes\": %u, \"data_sectors\": %u, \"barriers\": %u, "
      "\"directory_sectors\": %u}\n",
      scenarios, violations, things, data_sectors, barriers, other - barriers - data_sectors);
  return violations ? 1 : 0;
}
