/** The part of PJRC's Teensy core and of SdFat 2.1 that mcu_app/src/board_teensy uses, declared anew, because
 * they come from PlatformIO's registry: enough for the compiler to check the sources
 * (tests/mcu/test_teensy_sources.py), not to link. Signatures as in the core and SdFat 2.1.2 of June 2026. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* -- Arduino.h */
struct Printable {
  virtual size_t printTo(struct Print& to) const = 0;
};
struct Print {
  size_t write(const char* text, size_t bytes);
  size_t print(const Printable& object);
  size_t println(const char* text);
};
struct UsbSerial : Print {
  void begin(long baud);
  int available();
  int read();
  operator bool();
};
extern UsbSerial Serial;
uint32_t millis();
extern "C" {
uint32_t micros(void);
unsigned long rtc_get(void);
}

/* -- imxrt.h: the watchdog and why it was reset; the chip's serial number; the cycle counter */
extern volatile uint32_t SRC_SRSR, CCM_CCGR3, HW_OCOTP_CFG0, HW_OCOTP_CFG1, ARM_DWT_CYCCNT;
extern volatile uint16_t WDOG1_WCR, WDOG1_WSR, WDOG1_WMCR;
#define SRC_SRSR_WDOG_RST_B ((uint32_t)(1 << 4))
#define CCM_CCGR_ON 3
#define CCM_CCGR3_WDOG1(n) ((uint32_t)(((n)&0x03) << 16))
#define WDOG_WCR_WDE ((uint16_t)(1 << 2))
#define WDOG_WCR_SRS ((uint16_t)(1 << 4))
#define WDOG_WCR_WDA ((uint16_t)(1 << 5))
#define WDOG_WCR_WT(n) ((uint16_t)(((n)&0xFF) << 8))

/* -- CrashReport.h */
struct CrashReportClass : Printable {
  size_t printTo(Print& to) const override;
  operator bool();
};
extern CrashReportClass CrashReport;

/* -- SdFat.h */
typedef uint8_t oflag_t;
enum : oflag_t { O_RDONLY = 0, O_RDWR = 2, O_CREAT = 0x10, O_TRUNC = 0x20, O_EXCL = 0x40 };
enum : uint8_t { FIFO_SDIO = 0, DMA_SDIO = 1 };
const uint8_t FAT_TYPE_EXFAT = 64;
struct SdioConfig {
  explicit SdioConfig(uint8_t options);
};
struct FsBlockDevice {
  bool syncDevice();
};
typedef FsBlockDevice SdCard;
struct FsFile {
  bool open(const char* path, oflag_t flags = O_RDONLY);
  bool close();
  bool isOpen() const;
  bool isDir() const;
  bool isReadOnly() const;
  uint64_t fileSize() const;
  bool seekSet(uint64_t at);
  int read(void* data, size_t bytes);
  size_t write(const void* data, size_t bytes);
  bool preAllocate(uint64_t bytes);
  bool truncate(uint64_t bytes);
  bool sync();
  bool remove();
  bool rename(const char* path);
};
struct FsVolume {
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
struct SdFs : FsVolume {
  using FsVolume::begin;
  bool begin(SdioConfig config);
  SdCard* card();
  uint8_t sdErrorCode();
};
