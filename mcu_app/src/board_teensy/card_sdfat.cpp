#include "card_sdfat.h"

#include <Arduino.h>
#include <SdFat.h>

#include <cstdio>
#include <cstring>

namespace {
constexpr int kFiles = 6;
constexpr char kFolder[] = "/bitmar_memory";
SdFs card;
FsFile files[kFiles];
bool mounted;

int error_of_card() {
  if (card.sdErrorCode()) return MS_E_IO;
  return card.freeClusterCount() == 0 ? MS_E_CARD_FULL : MS_E_IO;
}

bool path_of(const char* name, char* path, size_t bytes) {
  const int length = std::snprintf(path, bytes, "%s/%s", kFolder, name);
  return length > 0 && static_cast<size_t>(length) < bytes;
}

int do_open(void*, const char* name, int mode, int32_t* file) {
  char path[64];
  int slot = 0;
  while (slot < kFiles && files[slot].isOpen()) slot++;
  if (slot == kFiles || !path_of(name, path, sizeof path)) return MS_E_ARGUMENT;
  const bool exists = card.exists(path);
  if (!exists && mode != MS_CREATE) return MS_E_NOT_FOUND;
  if (!exists) {
    char* slash = std::strrchr(path, '/');
    *slash = 0;
    if (!card.exists(path) && !card.mkdir(path)) return error_of_card();
    *slash = '/';
  }
  const oflag_t flags = mode == MS_READ ? O_RDONLY : mode == MS_WRITE ? O_RDWR : O_RDWR | O_CREAT;
  if (!files[slot].open(path, flags)) return files[slot].isReadOnly() ? MS_E_READ_ONLY : error_of_card();
  *file = slot;
  return MS_OK;
}

void do_close(void*, int32_t file) { files[file].close(); }

int do_size(void*, int32_t file, uint64_t* bytes) {
  *bytes = files[file].fileSize();
  return MS_OK;
}

/* Contiguous clusters where the card has them: then the FAT never changes again. */
int do_preallocate(void*, int32_t file, uint64_t bytes) {
  FsFile& f = files[file];
  if (f.fileSize() > bytes) return f.truncate(bytes) ? MS_OK : error_of_card();
  if (f.fileSize() == 0 && f.preAllocate(bytes) && f.fileSize() == bytes)
    return f.sync() ? MS_OK : error_of_card();
  static const uint8_t zeros[MS_SECTOR] = {};
  for (uint64_t at = f.fileSize(); at < bytes;) {
    const size_t piece = bytes - at < MS_SECTOR ? static_cast<size_t>(bytes - at) : MS_SECTOR;
    if (!f.seekSet(at) || f.write(zeros, piece) != piece) return error_of_card();
    at += piece;
  }
  return f.sync() ? MS_OK : error_of_card();
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
  for (FsFile& f : files)
    if (f.isOpen()) whole &= f.sync();
  return whole && card.card()->syncDevice() ? MS_OK : MS_E_IO;
}

uint32_t do_micros(void*) { return micros(); }

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
  return port;
}

bool mount() {
  if (!mounted) mounted = card.begin(SdioConfig(FIFO_SDIO));
  return mounted;
}
}  // namespace

const ms_port* card_sdfat() {
  static const ms_port port = make_port();
  return mount() ? &port : nullptr;
}

void card_sdfat_unmount() {
  if (mounted) card.end();
  mounted = false;
}

int32_t card_sdfat_load(const char* name, void* to, uint32_t capacity) {
  FsFile file;
  if (!mount() || !file.open(name, O_RDONLY) || file.fileSize() > capacity) return -1;
  const uint32_t bytes = static_cast<uint32_t>(file.fileSize());
  return file.read(to, bytes) == static_cast<int>(bytes) ? static_cast<int32_t>(bytes) : -1;
}
