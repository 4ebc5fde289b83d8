#include "ram_disk.h"

#include <cstring>

extern "C" {
#include "ff.h"
/* behind ff.h */
#include "diskio.h"
}

namespace ram_disk {
namespace {
constexpr uint32_t kSector = 512;
constexpr uint8_t kNoCard = 1, kFailed = 2;
uint8_t content[kSectors * kSector], kept[kSectors * kSector];
bool dead;
std::vector<uint32_t> touched; /* since keep() */

bool transfer() {
  transfers++;
  if (++since_fed > longest) longest = since_fed;
  if (transfers == pull_at) there = false;
  if (there && !dead && transfers != fail_at) return true;
  error = there ? kFailed : kNoCard;
  return false;
}
}  // namespace

bool there = true;
uint8_t error;
uint32_t transfers, writes, cut_at, fail_at, pull_at, since_fed, longest;

bool start() {
  error = there && !dead ? 0 : kNoCard;
  return !error;
}

bool read(uint32_t sector, uint8_t* to, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    if (sector + i >= kSectors || !transfer()) return false;
    std::memcpy(to + i * kSector, content + (sector + i) * kSector, kSector);
  }
  return true;
}

/* The write that is cut leaves nothing: a torn sector of a FAT is no state that a file system survives. */
bool write(uint32_t sector, const uint8_t* from, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    dead |= ++writes == cut_at;
    if (sector + i >= kSectors || !transfer()) return false;
    touched.push_back(sector + i);
    std::memcpy(content + (sector + i) * kSector, from + i * kSector, kSector);
  }
  return true;
}

const std::vector<uint32_t>& written() { return touched; }

void fill_with_garbage() {
  for (uint32_t i = 0; i < sizeof content; i++) content[i] = static_cast<uint8_t>(i * 2654435761u >> 13);
}

void keep() {
  std::memcpy(kept, content, sizeof kept);
  touched.clear();
}

void power_on() {
  there = true;
  dead = false;
  error = 0;
  transfers = writes = cut_at = fail_at = pull_at = since_fed = longest = 0;
}

void restore() {
  for (const uint32_t sector : touched)
    std::memcpy(content + sector * kSector, kept + sector * kSector, kSector);
  touched.clear();
  power_on();
}
}  // namespace ram_disk

extern "C" {
DSTATUS disk_initialize(BYTE) { return ram_disk::there ? 0 : STA_NOINIT; }
DSTATUS disk_status(BYTE) { return 0; }
DRESULT disk_read(BYTE, BYTE* to, LBA_t sector, UINT count) {
  return ram_disk::read(sector, to, count) ? RES_OK : RES_ERROR;
}
DRESULT disk_write(BYTE, const BYTE* from, LBA_t sector, UINT count) {
  return ram_disk::write(sector, from, count) ? RES_OK : RES_ERROR;
}
DRESULT disk_ioctl(BYTE, BYTE command, void* to) {
  if (command == GET_SECTOR_COUNT) *static_cast<LBA_t*>(to) = ram_disk::kSectors;
  if (command == GET_BLOCK_SIZE) *static_cast<DWORD*>(to) = 1;
  return command == CTRL_SYNC && !ram_disk::there ? RES_ERROR : RES_OK;
}
}
