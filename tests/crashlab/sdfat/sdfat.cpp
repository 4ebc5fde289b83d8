/* SdFat over FatFs. What a program cannot see is FatFs'; what it can see and SdFat does in its own way is as
 * SdFat does it: see the comments. */
#include "SdFat.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "ram_disk.h"

extern "C" {
#include "ff.h"
/* behind ff.h */
#include "diskio.h"
}

namespace {
FATFS volume;

bool is_exfat() { return volume.fs_type == FS_EXFAT; }

[[noreturn]] void fault(const char* what) {
  std::fprintf(stderr, "SdFat would %s\n", what);
  std::exit(9);
}

/* Its search for a free cluster of an exFAT volume ends where it began, and never gets there if none is free.
 */
void needs_a_cluster() {
  FATFS* same;
  DWORD free = 0;
  if (!is_exfat() || f_getfree("", &free, &same) != FR_OK || free) return;
  fault("never return: no cluster of the exFAT volume is free");
}
uint32_t first_sector_of(DWORD cluster) {
  return static_cast<uint32_t>(volume.database + (static_cast<int64_t>(cluster) - 2) * volume.csize);
}

/* The directory entry of a folder on exFAT: three entries of 32 bytes, in one sector. */
struct Entry {
  uint8_t data[512];
  uint32_t sector = 0, at = 0;

  explicit Entry(const char* path) {
    DIR folder;
    if (!is_exfat() || f_opendir(&folder, path) != FR_OK) return;
    at = folder.obj.c_ofs % 512;
    const DWORD parent = folder.obj.c_scl ? folder.obj.c_scl : static_cast<DWORD>(volume.dirbase);
    sector = first_sector_of(parent) + folder.obj.c_ofs / 512;
    if (at > 512 - 96 || !ram_disk::read(sector, data, 1)) sector = 0;
  }

  bool has_cluster() const { return !sector || std::memcmp(data + at + 52, "\0\0\0\0", 4); }

  bool put_cluster(const uint8_t* cluster) {
    uint16_t sum = 0;
    std::memcpy(data + at + 52, cluster, 4);
    for (uint32_t i = 0; i < 96; i++)
      if (i != 2 && i != 3) sum = static_cast<uint16_t>((sum << 15 | sum >> 1) + data[at + i]);
    data[at + 2] = static_cast<uint8_t>(sum);
    data[at + 3] = static_cast<uint8_t>(sum >> 8);
    return ram_disk::write(sector, data, 1);
  }
};

void goes_into_a_folder(const char* path) {
  char folder[64];
  std::snprintf(folder, sizeof folder, "%s", path);
  *std::strrchr(folder, '/') = 0;
  if (*folder && !Entry(folder).has_cluster()) fault("write a folder's content into the volume's tables");
}
}  // namespace

struct FsFile::Open {
  FIL file;
  FILINFO info;
  uint64_t valid; /* exFAT: bytes that were written; beyond it a file is allocated, no more */
  bool closed, writable;
  char path[64]; /* of a folder */

  bool is_dir() const { return info.fattrib & AM_DIR; }
  uint64_t size() const { return is_exfat() ? valid : f_size(&file); }

  /* FatFs refuses a file after an error of the disk, SdFat tries again. */
  bool done(FRESULT result) {
    file.err = 0;
    return result == FR_OK;
  }

  bool sync() {
    if (closed || is_dir()) return true;
    if (is_exfat() && valid != f_size(&file) && writable) {
      std::fprintf(stderr, "a file is synced whose allocated end was not written: not modelled\n");
      std::exit(8);
    }
    return done(f_sync(&file));
  }
};

FsFile::~FsFile() {
  close();
  delete open_;
}

bool FsFile::open(const char* path, oflag_t flags) {
  close();
  delete open_;
  open_ = new Open{};
  const bool exists = f_stat(path, &open_->info) == FR_OK, writes = flags & O_RDWR;
  bool opened = exists ? !(writes && open_->info.fattrib & (AM_RDO | AM_DIR)) : flags & O_CREAT;
  if (!exists && opened) {
    goes_into_a_folder(path);
    needs_a_cluster(); /* the folder may have to grow */
  }
  if (opened && !(exists && open_->is_dir())) {
    const BYTE mode = FA_READ | (writes ? FA_WRITE : 0) | (flags & O_CREAT ? FA_OPEN_ALWAYS : 0);
    opened = f_open(&open_->file, path, mode) == FR_OK;
    if (opened && !exists) opened = f_sync(&open_->file) == FR_OK; /* the entry is written at once */
    if (opened) open_->valid = f_size(&open_->file);
  }
  open_->writable = writes;
  std::snprintf(open_->path, sizeof open_->path, "%s", path);
  if (opened) return true;
  delete open_;
  open_ = nullptr;
  return false;
}

/* One whose last sync fails is closed and says that it is open. */
bool FsFile::close() {
  if (!open_) return false;
  const bool synced = open_->sync();
  if (!open_->closed && !open_->is_dir() && f_close(&open_->file) != FR_OK) open_->file.obj.fs = nullptr;
  open_->closed = true;
  if (!synced) return false;
  delete open_;
  open_ = nullptr;
  return true;
}

bool FsFile::isOpen() const { return open_; }
bool FsFile::isDir() const { return open_ && open_->is_dir(); }
bool FsFile::isReadOnly() const { return open_ && open_->info.fattrib & AM_RDO; }
uint32_t FsFile::firstSector() const {
  return open_ && (!open_->is_dir() || Entry(open_->path).has_cluster());
}
uint64_t FsFile::fileSize() const { return open_ && !open_->closed ? open_->size() : 0; }

bool FsFile::seekSet(uint64_t at) {
  return open_ && !open_->closed && at <= open_->size() && open_->done(f_lseek(&open_->file, at));
}

int FsFile::read(void* data, size_t bytes) {
  UINT done = 0;
  if (!open_ || open_->closed) return -1;
  const uint64_t left = open_->size() - f_tell(&open_->file);
  const UINT wanted = static_cast<UINT>(bytes < left ? bytes : left);
  return open_->done(f_read(&open_->file, data, wanted, &done)) ? static_cast<int>(done) : -1;
}

/* All of it or nothing. */
size_t FsFile::write(const void* data, size_t bytes) {
  UINT done = 0;
  if (!open_ || open_->closed || !open_->writable) return 0;
  FIL* file = &open_->file;
  const uint64_t end = f_tell(file) + bytes, cluster = volume.csize * 512u;
  if (end > (f_size(file) + cluster - 1) / cluster * cluster) needs_a_cluster();
  if (!open_->done(f_write(file, data, static_cast<UINT>(bytes), &done)) || done != bytes) return 0;
  if (end > open_->valid) open_->valid = end;
  return bytes;
}

/* The entry is written at once: on FAT with the new length, on exFAT it is still that of what was written. */
bool FsFile::preAllocate(uint64_t bytes) {
  if (!open_ || open_->closed || !open_->writable || f_size(&open_->file) || !bytes) return false;
  needs_a_cluster();
  if (!open_->done(f_expand(&open_->file, bytes, 1))) return false;
  return is_exfat() || open_->sync();
}

bool FsFile::truncate(uint64_t bytes) {
  if (!seekSet(bytes) || !open_->writable || !open_->done(f_truncate(&open_->file))) return false;
  open_->valid = bytes;
  return open_->sync();
}

bool FsFile::sync() { return !open_ || open_->sync(); }

/* -- the volume */

bool FsVolume::begin(FsBlockDevice* device, bool, uint8_t part) {
  uint8_t sector[512];
  f_mount(nullptr, "", 0);
  if (!device->readSector(0, sector)) return false;
  const uint8_t boot = sector[446], type = sector[450]; /* of the first partition */
  if (part && ((boot != 0 && boot != 0x80) || type == 0)) return false;
  if (!part && std::memcmp(sector + 3, "EXFAT", 5) && std::memcmp(sector + 54, "FAT", 3) &&
      std::memcmp(sector + 82, "FAT32", 5))
    return false;
  std::memset(&volume, 0, sizeof volume);
  if (f_mount(&volume, "", 1) != FR_OK) return false;
  needs_a_cluster(); /* it looks for the first free one */
  return true;
}

void FsVolume::end() { f_mount(nullptr, "", 0); }

bool FsVolume::exists(const char* path) {
  FILINFO info;
  return f_stat(path, &info) == FR_OK;
}

bool FsVolume::remove(const char* path) {
  FILINFO info;
  return f_stat(path, &info) == FR_OK && !(info.fattrib & (AM_DIR | AM_RDO)) && f_unlink(path) == FR_OK;
}

/* It is empty if its clusters are; where it has none, those that cluster 0 would be. */
bool FsVolume::rmdir(const char* path) {
  FILINFO info;
  if (f_stat(path, &info) != FR_OK || !(info.fattrib & AM_DIR)) return false;
  if (Entry(path).has_cluster()) return f_unlink(path) == FR_OK;
  uint8_t sector[512];
  if (!ram_disk::read(first_sector_of(0), sector, 1)) return false;
  if (!sector[0]) fault("remove a folder without a cluster: not modelled");
  return false;
}

bool FsVolume::rename(const char* from, const char* to) { return f_rename(from, to) == FR_OK; }

/* An empty file first, which then becomes the folder; on exFAT one that has no cluster yet. */
bool FsVolume::mkdir(const char* path, bool) {
  FIL file;
  needs_a_cluster();
  if (f_open(&file, path, FA_WRITE | FA_CREATE_NEW) != FR_OK || f_close(&file) != FR_OK) return false;
  if (f_unlink(path) != FR_OK || f_mkdir(path) != FR_OK) return false;
  Entry entry(path);
  if (!entry.sector) return true;
  uint8_t cluster[4];
  std::memcpy(cluster, entry.data + entry.at + 52, sizeof cluster);
  return entry.put_cluster(reinterpret_cast<const uint8_t*>("\0\0\0\0")) && entry.put_cluster(cluster);
}

uint32_t FsVolume::freeClusterCount() const {
  FATFS* same;
  DWORD free;
  volume.free_clst = 0xFFFFFFFF; /* it counts every time */
  if (f_getfree("", &free, &same) == FR_OK) return free;
  return is_exfat() ? 0 : 0xFFFFFFFF;
}

uint32_t FsVolume::bytesPerCluster() const { return volume.csize * 512u; }
uint8_t FsVolume::fatType() const {
  return is_exfat() ? FAT_TYPE_EXFAT : volume.fs_type == FS_FAT32 ? 32 : volume.fs_type == FS_FAT16 ? 16 : 12;
}

/* -- the card */

SdioConfig::SdioConfig(uint8_t) {}
bool FsBlockDevice::readSector(uint32_t sector, uint8_t* to) { return ram_disk::read(sector, to, 1); }
uint32_t FsBlockDevice::sectorCount() { return ram_disk::kSectors; }
bool FsBlockDevice::syncDevice() { return ram_disk::there; }
bool SdFs::cardBegin(SdioConfig) {
  card_ = &device_;
  return ram_disk::start();
}
bool SdFs::begin(SdioConfig config) { return cardBegin(config) && FsVolume::begin(card_); }
void SdFs::end() { FsVolume::end(); }
SdCard* SdFs::card() { return card_; }
uint8_t SdFs::sdErrorCode() { return card_ ? ram_disk::error : 0xff; }
