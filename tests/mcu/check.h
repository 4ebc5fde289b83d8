/** The smallest test harness whose output PlatformIO's Unity parser understands:
 *  FILE:LINE:NAME:PASS|FAIL[: message]. The same file serves C++ tests on the board and on the host. */
#pragma once
#include <cstdio>
#include <cstring>

namespace check {
inline int run, failed, current;
inline const char* name;

inline void fail(const char* file, int line, const char* what, long want, long got) {
  if (!current++) std::printf("%s:%d:%s:FAIL: %s: expected %ld was %ld\n", file, line, name, what, want, got);
}

inline void test(const char* file, int line, const char* test_name, void (*function)()) {
  name = test_name;
  current = 0;
  function();
  ++run;
  if (current)
    ++failed;
  else
    std::printf("%s:%d:%s:PASS\n", file, line, test_name);
}

inline int done() {
  std::printf("%d Tests %d Failures 0 Ignored\n", run, failed);
  return failed != 0;
}
}  // namespace check

#define CHECK_EQ(want, got)                                                \
  do {                                                                     \
    const long want_ = (long)(want), got_ = (long)(got);                   \
    if (want_ != got_) check::fail(__FILE__, __LINE__, #got, want_, got_); \
  } while (0)
#define CHECK(condition) CHECK_EQ(1, !!(condition))
#define CHECK_BYTES(want, got, bytes) CHECK_EQ(0, std::memcmp(want, got, bytes))
#define RUN(function) check::test(__FILE__, __LINE__, #function, function)
