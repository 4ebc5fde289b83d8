/** The part of SdFat 2.1 that mcu_app/src/board_teensy uses, declared anew because SdFat comes from
 * PlatformIO's registry; signatures as in SdFat 2.1.2 of June 2026. sdfat.cpp has it over FatFs on a RAM
 * disk, with what is particular to SdFat. */
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef uint8_t oflag_t;
enum : oflag_t { O_RDONLY = 0, O_RDWR = 2, O_CREAT = 0x10 };
enum : uint8_t { FIFO_SDIO = 0 };
const uint8_t FAT_TYPE_EXFAT = 64;

struct SdioConfig {
  explicit SdioConfig(uint8_t options);
};

struct FsBlockDevice {
  bool readSector(uint32_t sector, uint8_t* to);
  uint32_t sectorCount();
  bool syncDevice();
};
typedef FsBlockDevice SdCard;

class FsFile {
 public:
  FsFile() = default;
  FsFile(const FsFile&) = delete;
  ~FsFile();
  bool open(const char* path, oflag_t flags = O_RDONLY);
  bool close();
  bool isOpen() const;
  bool isDir() const;
  bool isReadOnly() const;
  uint32_t firstSector() const;
  uint64_t fileSize() const;
  bool seekSet(uint64_t at);
  int read(void* data, size_t bytes);
  size_t write(const void* data, size_t bytes);
  bool preAllocate(uint64_t bytes);
  bool truncate(uint64_t bytes);
  bool sync();

 private:
  struct Open;
  Open* open_ = nullptr;
};

class FsVolume {
 public:
  bool begin(FsBlockDevice* device, bool set_cwv = true, uint8_t part = 1);
  void end();
  bool exists(const char* path);
  bool mkdir(const char* path, bool parents = true);
  bool remove(const char* path);
  bool rmdir(const char* path);
  bool rename(const char* from, const char* to);
  uint32_t freeClusterCount() const;
  uint32_t bytesPerCluster() const;
  uint8_t fatType() const;
};

class SdFs : public FsVolume {
 public:
  using FsVolume::begin;
  bool begin(SdioConfig config);
  bool cardBegin(SdioConfig config);
  void end();
  SdCard* card();
  uint8_t sdErrorCode();

 private:
  SdCard device_;
  SdCard* card_ = nullptr;
};
