#include "reason.h"

#include <stdarg.h>
#include <string.h>

/* Appends to why->text, whose length is *used; what does not fit is left out. */
static void put(bm_op_reason* why, size_t* used, const char* text, size_t length) {
  const size_t room = sizeof why->text - 1 - *used;
  if (length > room) length = room;
  memcpy(why->text + *used, text, length);
  *used += length;
}

static void put_number(bm_op_reason* why, size_t* used, long long value) {
  char digits[20]; /* those of 2^63, and a sign */
  size_t at = sizeof digits;
  unsigned long long rest = value < 0 ? 0ull - (unsigned long long)value : (unsigned long long)value;
  do digits[--at] = (char)('0' + rest % 10);
  while ((rest /= 10) != 0);
  if (value < 0) digits[--at] = '-';
  put(why, used, digits + at, sizeof digits - at);
}

bool op_refuse(bm_op_reason* why, const char* format, ...) {
  size_t used = 0;
  va_list arguments;
  va_start(arguments, format);
  while (*format) {
    const size_t plain = strcspn(format, "%");
    put(why, &used, format, plain);
    format += plain;
    if (strncmp(format, "%s", 2) == 0) {
      const char* text = va_arg(arguments, const char*);
      put(why, &used, text, strlen(text));
      format += 2;
    } else if (strncmp(format, "%d", 2) == 0) {
      put_number(why, &used, va_arg(arguments, int));
      format += 2;
    } else if (strncmp(format, "%lld", 4) == 0) {
      put_number(why, &used, va_arg(arguments, long long));
      format += 4;
    } else if (*format) {
      put(why, &used, format++, 1);
    }
  }
  va_end(arguments);
  why->text[used] = '\0';
  return false;
}
