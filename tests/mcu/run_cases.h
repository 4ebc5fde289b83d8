/** main() of a suite of cases: each must give the checksum that the host's compiler gave. */
#pragma once
#include "cases.h"
#include "check.h"
#include "expected.h" /* written by host_cases.py before the build: const uint32_t expected[] */

int main() {
  for (int i = 0; i < case_count; i++) {
    const uint32_t got = cases[i].run();
    std::printf("%s %08lx\n", cases[i].name, (unsigned long)got);
    check::name = cases[i].name;
    check::current = 0;
    ++check::run;
    if (got == 0 || got != expected[i]) {
      check::fail(__FILE__, __LINE__, cases[i].name, (long)expected[i], (long)got);
      ++check::failed;
    } else {
      std::printf("%s:%d:%s:PASS\n", __FILE__, __LINE__, cases[i].name);
    }
  }
  return check::done();
}
