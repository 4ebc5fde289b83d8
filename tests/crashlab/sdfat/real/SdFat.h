/** SdFat's own sources on the RAM disk: SdFs as in its SdFat.h, without the drivers of real slots. */
#pragma once
#include "FatLib/FatLib.h"
/* FatLib.h first */
#include "ExFatLib/ExFatLib.h"
#include "FsLib/FsLib.h"
#include "ram_disk.h"

struct RamCard : FsBlockDevice {
  bool isBusy() override { return false; }
  bool readSector(uint32_t sector, uint8_t* to) override { return ram_disk::read(sector, to, 1); }
  bool readSectors(uint32_t sector, uint8_t* to, size_t n) override { return ram_disk::read(sector, to, n); }
  bool writeSector(uint32_t sector, const uint8_t* from) override { return ram_disk::write(sector, from, 1); }
  bool writeSectors(uint32_t sector, const uint8_t* from, size_t n) override {
    return ram_disk::write(sector, from, n);
  }
  uint32_t sectorCount() override { return ram_disk::kSectors; }
  bool syncDevice() override { return ram_disk::there; }
};

struct SdFs : FsVolume {
  using FsVolume::begin;
  bool cardBegin(SdioConfig) {
    card_ = &device_;
    return ram_disk::start();
  }
  bool begin(SdioConfig config) { return cardBegin(config) && FsVolume::begin(card_); }
  void end() { FsVolume::end(); }
  FsBlockDevice* card() { return card_; }
  uint8_t sdErrorCode() { return card_ ? ram_disk::error : 0xff; }

 private:
  RamCard device_;
  FsBlockDevice* card_ = nullptr;
};
