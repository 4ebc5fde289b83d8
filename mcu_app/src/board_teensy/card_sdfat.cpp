#include "card_sdfat.h"

#include <Arduino.h>
#include <SdFat.h>

#include <cstdio>
#include <cstring>

#include "board.h"

namespace {
constexpr int kFiles = 6;
constexpr char kFolder[] = "/bitmar_memory";
SdFs card;
FsFile files[kFiles];
bool used[kFiles]; /* not isOpen(): SdFat 2.1 calls a file open whose close() failed */
bool mounted;
int problem = MS_E_NO_CARD; /* why nothing is mounted */

int error_of_card() {
  if (card.sdErrorCode()) return MS_E_IO;
  return card.freeClusterCount() == 0 ? MS_E_CARD_FULL : MS_E_IO;
}

bool path_of(const char* name, char* path, size_t bytes) {
  const int length = std::snprintf(path, bytes, "%s/%s", kFolder, name);
  return length > 0 && static_cast<size_t>(length) < bytes;
}

/* MS_OK: so many bytes and two clusters of folders fit. Asked first: SdFat 2.1 never returns from a write
 * to a full exFAT volume. */
int room_for(uint64_t bytes) {
  board_watchdog_feed(); /* the whole table is read for it: 16 MB, say */
  const int64_t clusters = static_cast<int32_t>(card.freeClusterCount()); /* -1: it cannot be read */
  if (clusters < 0) return MS_E_IO;
  const bool fits = clusters > 2 && static_cast<uint64_t>(clusters - 2) * card.bytesPerCluster() >= bytes;
  if (fits) return MS_OK;
  return card.sdErrorCode() ? MS_E_IO : MS_E_CARD_FULL;
}

/* An exFAT folder without a cluster: what is made in it would be written into the volume's tables. To remove
 * it SdFat looks whether these are empty. */
bool remove_broken(const char* path) {
  char lost[72];
  std::snprintf(lost, sizeof lost, "%s.lost", path);
  return card.rmdir(path) || card.rename(path, lost);
}

/* SdFat makes an empty file of it first, on exFAT then a folder without a cluster: that is what a power cut
 * can leave. */
bool make_folder(const char* path) {
  FsFile entry;
  if (!entry.open(path, O_RDONLY)) return card.mkdir(path);
  const bool is_folder = entry.isDir(), has_cluster = entry.firstSector() != 0,
             is_empty = entry.fileSize() == 0;
  entry.close();
  if (is_folder && has_cluster) return true;
  const bool removed = is_folder ? remove_broken(path) : is_empty && card.remove(path);
  return removed && card.mkdir(path);
}

bool is_read_only(const char* path) {
  FsFile entry;
  const bool protects = entry.open(path, O_RDONLY) && entry.isReadOnly();
  entry.close();
  return protects;
}

int do_open(void*, const char* name, int mode, int32_t* file) {
  char path[64];
  int slot = 0;
  if (!mounted) return problem;
  while (slot < kFiles && used[slot]) slot++;
  if (slot == kFiles || !path_of(name, path, sizeof path)) return MS_E_ARGUMENT;
  const bool exists = card.exists(path);
  if (!exists && card.sdErrorCode()) return MS_E_IO; /* it may be there */
  if (!exists && mode != MS_CREATE) return MS_E_NOT_FOUND;
  if (!exists) {
    const int room = room_for(0);
    if (room != MS_OK) return room;
    char* slash = std::strrchr(path, '/');
    *slash = 0;
    if (!make_folder(path)) return error_of_card();
    *slash = '/';
  }
  const oflag_t flags = mode == MS_READ ? O_RDONLY : mode == MS_WRITE ? O_RDWR : O_RDWR | O_CREAT;
  if (!files[slot].open(path, flags)) return is_read_only(path) ? MS_E_READ_ONLY : error_of_card();
  used[slot] = true;
  *file = slot;
  return MS_OK;
}

int do_close(void*, int32_t file) {
  used[file] = false;
  return files[file].close() ? MS_OK : MS_E_IO;
}

int do_size(void*, int32_t file, uint64_t* bytes) {
  *bytes = files[file].fileSize();
  return MS_OK;
}

/* From the file's end on; the directory entry keeps the old length until the file is synced. */
bool append_zeros(FsFile& f, uint64_t bytes) {
  static const uint8_t zeros[MS_SECTOR] = {};
  for (uint64_t at = f.fileSize(); at < bytes;) {
    const size_t piece = bytes - at < MS_SECTOR ? static_cast<size_t>(bytes - at) : MS_SECTOR;
    if (!f.seekSet(at) || f.write(zeros, piece) != piece) return false;
    at += piece;
    board_watchdog_feed(); /* a file of history/ has 2 MiB */
  }
  return true;
}

/* Contiguous clusters where the card has them: then the FAT never changes again. preAllocate() writes the
 * directory entry at once. On FAT the clusters' old content is then the file's: not for a file that is to be
 * zero, which gets its clusters one by one. exFAT keeps the length of what was written beside the length that
 * was allocated, fileSize() is the former, and what is behind it reads as zeros everywhere. */
int do_preallocate(void*, int32_t file, uint64_t bytes, int zeroed) {
  FsFile& f = files[file];
  const uint64_t before = f.fileSize();
  if (before >= bytes) return f.truncate(bytes) ? MS_OK : error_of_card();
  const int room = room_for(bytes - before);
  if (room != MS_OK) return room;
  if (before == 0 && (!zeroed || card.fatType() == FAT_TYPE_EXFAT)) f.preAllocate(bytes); /* else appended */
  if (!append_zeros(f, bytes)) {
    const int error = error_of_card();
    f.truncate(before);
    return error;
  }
  return card.card()->syncDevice() && f.sync() && card.card()->syncDevice() ? MS_OK : MS_E_IO;
}

int32_t do_read(void*, int32_t file, uint64_t offset, void* data, uint32_t bytes) {
  if (!files[file].seekSet(offset)) return MS_E_IO;
  const int done = files[file].read(data, bytes);
  return done < 0 ? MS_E_IO : done;
}

int32_t do_write(void*, int32_t file, uint64_t offset, const void* data, uint32_t bytes) {
  if (!files[file].seekSet(offset)) return MS_E_IO;
  const size_t done = files[file].write(static_cast<const uint8_t*>(data), bytes);
  return done ? static_cast<int32_t>(done) : error_of_card();
}

int do_sync(void*) {
  bool whole = true;
  for (int i = 0; i < kFiles; i++)
    if (used[i]) whole &= files[i].sync();
  return whole && card.card()->syncDevice() ? MS_OK : MS_E_IO;
}

uint32_t do_micros(void*) { return micros(); }

int do_remove(void*, const char* name) {
  char path[64];
  if (!mounted) return problem;
  if (!path_of(name, path, sizeof path)) return MS_E_ARGUMENT;
  if (!card.exists(path)) return card.sdErrorCode() ? MS_E_IO : MS_E_NOT_FOUND;
  if (card.remove(path)) return MS_OK;
  return is_read_only(path) ? MS_E_READ_ONLY : MS_E_IO;
}

/* The chip's serial number keeps boards apart; the clock and the cycles since the start keep the memories
 * of one board apart. The chip's random generator needs a driver that the core does not have. */
uint32_t do_random(void*) {
  const uint32_t parts[] = {HW_OCOTP_CFG0, HW_OCOTP_CFG1, static_cast<uint32_t>(rtc_get()), micros(),
                            ARM_DWT_CYCCNT};
  uint32_t hash = 2166136261u; /* FNV-1a */
  for (const uint32_t part : parts)
    for (int shift = 0; shift < 32; shift += 8) hash = (hash ^ (part >> shift & 0xFF)) * 16777619u;
  return hash;
}

ms_port make_port() {
  ms_port port = {};
  port.open = do_open;
  port.close = do_close;
  port.size = do_size;
  port.preallocate = do_preallocate;
  port.read = do_read;
  port.write = do_write;
  port.sync = do_sync;
  port.micros = do_micros;
  port.remove = do_remove;
  port.random = do_random;
  return port;
}

FsFile open_file; /* of card_sdfat_file_open */

uint32_t number_at(const uint8_t* at) {
  return at[0] | at[1] << 8 | at[2] << 16 | static_cast<uint32_t>(at[3]) << 24;
}

/* MS_OK: SdFat may begin with the volume in this sector. Where no cluster of an exFAT volume is free,
 * SdFat 2.1 looks for one for ever. */
int look_at_volume(uint32_t sector) {
  uint8_t data[MS_SECTOR];
  if (sector >= card.card()->sectorCount()) return MS_E_FORMAT;
  if (!card.card()->readSector(sector, data)) return MS_E_IO;
  if (std::memcmp(data + 3, "EXFAT", 5)) return MS_OK; /* SdFat knows whether it is FAT */
  const uint32_t clusters = number_at(data + 92);
  sector += number_at(data + 88); /* the heap, which begins with the bitmap */
  for (uint32_t cluster = 0; cluster < clusters; cluster++) {
    const uint32_t bit = cluster % (8 * MS_SECTOR);
    if (bit == 0 && !card.card()->readSector(sector++, data)) return MS_E_IO;
    if (!(data[bit / 8] >> bit % 8 & 1)) return MS_OK;
  }
  return MS_E_CARD_FULL;
}

int begin_volume(uint32_t sector, uint8_t part) {
  const int look = look_at_volume(sector);
  if (look != MS_OK) return look;
  mounted = card.FsVolume::begin(card.card(), true, part);
  return mounted ? MS_OK : card.sdErrorCode() ? MS_E_IO : MS_E_FORMAT;
}

/* The first partition, or a card without a partition table. */
int begin_card() {
  uint8_t data[MS_SECTOR];
  if (!card.cardBegin(SdioConfig(FIFO_SDIO))) return MS_E_NO_CARD;
  if (!card.card()->readSector(0, data)) return MS_E_IO;
  const uint8_t* partition = data + 446; /* boots (0, 0x80), ..., type at 4, first sector at 8 */
  int status = MS_E_FORMAT;
  if ((partition[0] & 0x7F) == 0 && partition[4]) status = begin_volume(number_at(partition + 8), 1);
  return status == MS_E_FORMAT ? begin_volume(0, 0) : status;
}

/* Anew after an error where no file is open: the card may have been pulled, and SdFat keeps the error. */
bool mount() {
  bool in_use = open_file.isOpen();
  for (const bool file : used) in_use |= file;
  if (mounted && card.sdErrorCode() && !in_use) card_sdfat_unmount();
  if (!mounted) problem = begin_card();
  return mounted;
}
}  // namespace

const ms_port* card_sdfat() {
  static const ms_port port = make_port();
  return mount() || problem != MS_E_NO_CARD ? &port : nullptr;
}

void card_sdfat_unmount() {
  card_sdfat_file_close();
  if (mounted) card.end();
  mounted = false;
}

int32_t card_sdfat_load(const char* name, void* to, uint32_t capacity) {
  FsFile file;
  if (!mount() || !file.open(name, O_RDONLY) || file.fileSize() > capacity) return -1;
  const uint32_t bytes = static_cast<uint32_t>(file.fileSize());
  return file.read(to, bytes) == static_cast<int>(bytes) ? static_cast<int32_t>(bytes) : -1;
}

int32_t card_sdfat_file_open(const char* name) {
  card_sdfat_file_close();
  return mount() && open_file.open(name, O_RDONLY) ? 0 : -1;
}

int32_t card_sdfat_file_read(uint32_t offset, void* to, uint32_t bytes) {
  return open_file.isOpen() && open_file.seekSet(offset) &&
                 open_file.read(to, bytes) == static_cast<int>(bytes)
             ? 0
             : -1;
}

void card_sdfat_file_close() { open_file.close(); }
