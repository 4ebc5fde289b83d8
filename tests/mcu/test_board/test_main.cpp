/** The emulated board: exact instruction counts, painted stack, IEEE floats. */
#include <cmath>
#include <cstdint>

#include "../check.h"
#include "machine.h"

static uint32_t count(int instructions) {
  machine_counter_start();
  const uint32_t before = machine_counter();
  if (instructions) __asm__ volatile(".rept 1000\n nop\n .endr\n");
  return machine_counter() - before;
}

static void instructions_are_counted_exactly() {
  const uint32_t empty = count(0);
  CHECK_EQ(1000, count(1) - empty);
  CHECK_EQ(empty, count(0));
}

__attribute__((noinline)) static void a_thousand() { __asm__ volatile(".rept 1000\n nop\n .endr\n"); }

static void the_counter_goes_on_where_its_timer_begins_anew() {
  machine_counter_start();
  *reinterpret_cast<volatile uint32_t*>(0x40000004) = 600; /* the timer: 190 instructions to its end */
  const uint32_t before = machine_counter();
  a_thousand();
  const uint32_t counted = machine_counter() - before;
  CHECK(counted >= 1000 && counted < 1100);
}

__attribute__((noinline)) static uint8_t use_stack() {
  volatile uint8_t buffer[3000];
  for (unsigned i = 0; i < sizeof buffer; i++) buffer[i] = (uint8_t)i;
  return buffer[2999];
}

static void stack_paint_shows_the_deepest_use() {
  const uint32_t before = machine_stack_used();
  CHECK(before > 0 && before < machine_stack_size());
  use_stack();
  CHECK(machine_stack_used() >= 3000);
  CHECK(machine_stack_used() <= machine_stack_size());
}

static void floats_are_ieee() {
  volatile float smallest = 1.4012985e-45f, two = 2.0f; /* the smallest denormal */
  CHECK(smallest > 0.0f);
  CHECK(smallest * two > smallest);
  uint32_t bits;
  const float root = std::sqrt(two);
  std::memcpy(&bits, &root, 4);
  CHECK_EQ(0x3FB504F3, bits);
}

int main() {
  RUN(instructions_are_counted_exactly);
  RUN(the_counter_goes_on_where_its_timer_begins_anew);
  RUN(stack_paint_shows_the_deepest_use);
  RUN(floats_are_ieee);
  return check::done();
}
