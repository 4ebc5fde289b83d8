/** Prints the checksums of a suite's cases, one line "name hex" each; built by host_cases.py. */
#include <stdio.h>

#include "../cases.h"

int main(void) {
  for (int i = 0; i < case_count; i++) printf("%s %08lx\n", cases[i].name, (unsigned long)cases[i].run());
  return 0;
}
