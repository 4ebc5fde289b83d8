/** UART 0 of the CMSDK ("Cortex-M System Design Kit", 4.3): the console. */
#include <string.h>

#include "machine.h"
#include "registers.h"

#define UART_DATA REGISTER(0x40004000)
#define UART_STATE REGISTER(0x40004004)
#define UART_CTRL REGISTER(0x40004008)
#define UART_INTCLEAR REGISTER(0x4000400C)
#define UART_BAUDDIV REGISTER(0x40004010)
#define NVIC_ENABLE0 REGISTER(0xE000E100)
#define NVIC_DISABLE0 REGISTER(0xE000E180)
#define NVIC_UNPEND0 REGISTER(0xE000E280)

enum { TX_FULL = 1, RX_FULL = 2, TX_ENABLE = 1, RX_ENABLE = 2, RX_INTERRUPT = 8, UART0_RX_IRQ = 1u << 0 };

static void prepare(void) {
  if (UART_CTRL) return;
  UART_BAUDDIV = 16; /* the smallest that is allowed; the emulator has no line to wait for */
  UART_CTRL = TX_ENABLE | RX_ENABLE | RX_INTERRUPT;
}

/* The interrupt only ends the sleep: it is enabled while all interrupts are masked, so it is never taken. */
uint8_t machine_console_read(void) {
  prepare();
  __asm__ volatile("cpsid i" ::: "memory");
  NVIC_ENABLE0 = UART0_RX_IRQ;
  while (!(UART_STATE & RX_FULL)) __asm__ volatile("wfi" ::: "memory");
  const uint8_t byte = (uint8_t)UART_DATA;
  UART_INTCLEAR = 2;
  NVIC_DISABLE0 = UART0_RX_IRQ;
  NVIC_UNPEND0 = UART0_RX_IRQ;
  __asm__ volatile("dsb\n isb\n cpsie i" ::: "memory");
  return byte;
}

void machine_console_write(const char* text, uint32_t bytes) {
  prepare();
  for (uint32_t i = 0; i < bytes; i++) {
    while (UART_STATE & TX_FULL) {
    }
    UART_DATA = (uint8_t)text[i];
  }
}

void machine_console_puts(const char* text) { machine_console_write(text, strlen(text)); }
