#include <stdint.h>

extern uint32_t __stack_top[], __data_start[], __data_end[], __data_load[], __bss_start[], __bss_end[];
extern int main(void);
void uart_put(const char* text);

__attribute__((noreturn)) static void Fault_Handler(void) {
  uart_put("FAULT\n");
  for (;;) {
  }
}

__attribute__((noreturn, used)) void Reset_Handler(void) {
  *(volatile uint32_t*)0xE000ED88u |= 0xFu << 20; /* the FPU on */
  __asm__ volatile("dsb\n isb" ::: "memory");
  for (uint32_t *d = __data_start, *s = __data_load; d < __data_end;) *d++ = *s++;
  for (uint32_t* d = __bss_start; d < __bss_end;) *d++ = 0;
  main();
  for (;;) {
  }
}

__attribute__((section(".vectors"), used)) static const void* const vectors[16] = {
    __stack_top,
    (const void*)Reset_Handler,
    (const void*)Fault_Handler,
    (const void*)Fault_Handler,
    (const void*)Fault_Handler,
    (const void*)Fault_Handler,
    (const void*)Fault_Handler};
