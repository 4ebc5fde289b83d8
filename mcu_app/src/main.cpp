#include "machine.h"

int main() {
  machine_console_puts("BitMar Edge\n");
  return 0;
}
