/* Teaches for ever: thing 0, thing 1, ... into the memory on the SD card, and says on the UART what is
 * durable.
 *
 * Sector 0 of the card holds K, D, hot (uint32 each) and how many things to teach (0: for ever). Thing n is
 * made of a seeded sequence, so that whoever looks at the card knows what should be in it; it goes on where
 * the card stopped. */
#include <string.h>

#include "memstore.h"
#include "sd_port.h"
#include "spi_sd.h"

#define UART0_DATA (*(volatile uint32_t*)0x4000C000u)

static uint64_t buffer[36 * 1024 / 8];
static sd_files files;

void uart_put(const char* text) {
  while (*text) UART0_DATA = (uint8_t)*text++;
}

static char* decimal(uint32_t n, char* end) {
  *--end = 0;
  do *--end = (char)('0' + n % 10), n /= 10;
  while (n);
  return end;
}

static void say(const char* word, uint32_t n) {
  char digits[12];
  uart_put(word);
  uart_put(decimal(n, digits + sizeof digits));
  uart_put("\n");
}

static uint32_t next_random(uint32_t* x) { /* xorshift32 */
  *x ^= *x << 13;
  *x ^= *x >> 17;
  *x ^= *x << 5;
  return *x;
}

static int teach(ms_memory* memory, uint32_t n, uint32_t dim) {
  static float episode[MS_MAX_DIM], key[MS_MAX_DIM];
  char name[32] = "thing ", digits[12];
  uint32_t x = (n + 1) * 2654435761u;
  for (uint32_t i = 0; i < dim; i++) {
    episode[i] = (float)((int32_t)(next_random(&x) >> 16 & 0x7ff) - 1024) / 512.0f; /* exact in a half */
    key[i] = (float)((int32_t)(next_random(&x) >> 16 & 0xff) - 128) / 128.0f;
  }
  strcat(name, decimal(n, digits + sizeof digits));
  return ms_teach(memory, name, episode, key, 1.0f, 0, NULL);
}

/* One more than the largest thing on the card. */
static uint32_t resume_at(const ms_memory* memory, uint32_t slots) {
  uint32_t next = 0;
  for (uint32_t i = 0; i < slots; i++) {
    ms_info info;
    if (ms_slot_info(memory, i, &info) || !info.occupied) continue;
    uint32_t n = 0;
    for (const char* p = info.name + 6; *p; p++) n = 10 * n + (uint32_t)(*p - '0');
    if (n + 1 > next) next = n + 1;
  }
  return next;
}

int main(void) {
  static uint8_t task[MS_SECTOR];
  uint32_t numbers[4];
  ms_port port;
  ms_memory* memory = NULL;
  ms_report report;
  int failed = sd_start();
  if (!failed) failed = 10 + sd_read(0, task);
  if (failed != 10) return say("ERROR no card ", (uint32_t)failed), 1;
  memcpy(numbers, task, sizeof numbers);
  uart_put("CARD\n"); /* from here on a kill may come */
  ms_config config = {.slots = numbers[0],
                      .dim = numbers[1],
                      .hot = numbers[2],
                      .alpha = 0.2f,
                      .merge_threshold = 0.99f,
                      .segment_bytes = 600000,
                      .model_hash = {1, 35, 69, 103, 137, 171, 205, 239}};
  int status = sd_port(&port, &files, &config);
  if (!status) status = ms_open(&memory, buffer, sizeof buffer, &config, &port, 0, &report);
  if (status) return say("ERROR ", (uint32_t)-status), 1;
  say("KEPT ", report.kept);
  if (report.lost) say("ERROR lost ", report.lost);
  uint32_t n = resume_at(memory, config.slots);
  say("OPEN ", n);
  for (; !numbers[3] || n < numbers[3]; n++) {
    status = teach(memory, n, config.dim);
    if (status) return say("ERROR ", (uint32_t)-status), 1;
    say("TAUGHT ", n);
  }
  status = ms_close(memory);
  if (status) return say("ERROR ", (uint32_t)-status), 1;
  uart_put("CLOSED\n");
  return 0;
}
