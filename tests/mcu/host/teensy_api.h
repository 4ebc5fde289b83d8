/** The part of PJRC's Teensy core that mcu_app/src/board_teensy uses, declared anew, because it comes from
 * PlatformIO's registry: enough for the compiler to check the sources (tests/mcu/test_teensy_sources.py), not
 * to link. Signatures as in the core of June 2026. SdFat's: tests/crashlab/sdfat/SdFat.h. */
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
