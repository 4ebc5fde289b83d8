#include "spi_sd.h"

#define REGISTER(address) (*(volatile uint32_t*)(address))
#define SSI0 0x40008000u
#define GPIOD 0x40007000u
enum { SSI_CR0 = 0x0, SSI_CR1 = 0x4, SSI_DR = 0x8, SSI_SR = 0xC, SSI_CPSR = 0x10 };
enum { SR_NOT_FULL = 2, SR_RECEIVED = 4 };
enum {
  GO_IDLE = 0,
  SEND_IF_COND = 8,
  READ_BLOCK = 17,
  WRITE_BLOCK = 24,
  APP_COMMAND = 55,
  READ_OCR = 58,
  CRC_ON = 59
};
enum { APP_SEND_OP_COND = 41, START_TOKEN = 0xFE };

static uint32_t address_shift; /* standard capacity cards count bytes, high capacity ones sectors */

static void select_card(int on) { REGISTER(GPIOD + (1u << 2)) = on ? 0 : 1; }

static uint8_t transfer(uint8_t out) {
  while (!(REGISTER(SSI0 + SSI_SR) & SR_NOT_FULL)) {
  }
  REGISTER(SSI0 + SSI_DR) = out;
  while (!(REGISTER(SSI0 + SSI_SR) & SR_RECEIVED)) {
  }
  return (uint8_t)REGISTER(SSI0 + SSI_DR);
}

static uint8_t crc7(const uint8_t* data, int bytes) {
  uint8_t crc = 0;
  for (; bytes--; data++)
    for (int bit = 7; bit >= 0; bit--) {
      uint8_t carry = (uint8_t)((crc >> 6 ^ *data >> bit) & 1);
      crc = (uint8_t)((crc << 1 & 0x7f) ^ (carry ? 9 : 0));
    }
  return crc;
}

static uint16_t crc16(const uint8_t* data, int bytes) {
  uint16_t crc = 0;
  while (bytes--) {
    crc ^= (uint16_t)(*data++ << 8);
    for (int i = 0; i < 8; i++) crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
  }
  return crc;
}

static uint8_t command(uint8_t number, uint32_t argument) {
  uint8_t frame[6] = {(uint8_t)(0x40 | number), (uint8_t)(argument >> 24), (uint8_t)(argument >> 16),
                      (uint8_t)(argument >> 8), (uint8_t)argument,         0};
  frame[5] = (uint8_t)(crc7(frame, 5) << 1 | 1);
  transfer(0xFF);
  for (int i = 0; i < 6; i++) transfer(frame[i]);
  uint8_t response = 0xFF;
  for (int i = 0; i < 16 && (response & 0x80); i++) response = transfer(0xFF);
  return response;
}

static uint32_t trailing_word(void) {
  uint32_t word = 0;
  for (int i = 0; i < 4; i++) word = word << 8 | transfer(0xFF);
  return word;
}

int sd_start(void) {
  REGISTER(0x400FE104u) |= 1u << 4; /* clocks of SSI0 and GPIOD */
  REGISTER(0x400FE108u) |= 1u << 3;
  REGISTER(GPIOD + 0x400) |= 1;
  REGISTER(GPIOD + 0x51C) |= 1;
  select_card(0);
  REGISTER(SSI0 + SSI_CR1) = 0;
  REGISTER(SSI0 + SSI_CPSR) = 2;
  REGISTER(SSI0 + SSI_CR0) = 7; /* 8 bits, mode 0 */
  REGISTER(SSI0 + SSI_CR1) = 2;
  for (int i = 0; i < 10; i++) transfer(0xFF);
  select_card(1);
  if (command(GO_IDLE, 0) != 1) return 1;
  if (command(SEND_IF_COND, 0x1AA) == 1 && (trailing_word() & 0xfff) != 0x1AA) return 3;
  uint8_t response = 1;
  for (int i = 0; i < 1000 && response; i++) {
    command(APP_COMMAND, 0);
    response = command(APP_SEND_OP_COND, 1u << 30);
  }
  if (response || (command(READ_OCR, 0) & ~1)) return 1; /* the idle bit may lag behind */
  address_shift = trailing_word() >> 30 & 1 ? 0 : 9;

  return 0;
}

int sd_read(uint32_t sector, uint8_t* data) {
  if (command(READ_BLOCK, sector << address_shift)) return 3;
  uint8_t token = 0xFF;
  for (int i = 0; i < 100000 && token == 0xFF; i++) token = transfer(0xFF);
  if (token != START_TOKEN) return 1;
  for (int i = 0; i < 512; i++) data[i] = transfer(0xFF);
  uint16_t crc = (uint16_t)(transfer(0xFF) << 8);
  crc |= transfer(0xFF);
  return crc == crc16(data, 512) ? 0 : 2;
}

int sd_write(uint32_t sector, const uint8_t* data) {
  if (command(WRITE_BLOCK, sector << address_shift)) return 3;
  transfer(0xFF);
  transfer(START_TOKEN);
  for (int i = 0; i < 512; i++) transfer(data[i]);
  uint16_t crc = crc16(data, 512);
  transfer((uint8_t)(crc >> 8));
  transfer((uint8_t)crc);
  uint8_t response = transfer(0xFF) & 0x1f;
  if (response != 5) return response == 0xb ? 2 : 3;
  for (int i = 0; i < 1000000; i++)
    if (transfer(0xFF) == 0xFF) return 0;
  return 1;
}
