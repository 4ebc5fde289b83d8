/** What newlib asks of an operating system: printf of the tests goes to the console, the heap lies in SDRAM.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/stat.h>

#include "machine.h"
#include "semihost.h"

extern char __heap_start[], __heap_end[];

void* _sbrk(ptrdiff_t bytes) {
  static char* heap = __heap_start;
  if (heap + bytes > __heap_end || heap + bytes < __heap_start) {
    errno = ENOMEM;
    return (void*)-1;
  }
  char* before = heap;
  heap += bytes;
  return before;
}

int _write(int file, const char* data, int bytes) {
  (void)file;
  machine_console_write(data, (uint32_t)bytes);
  return bytes;
}

int _read(int file, char* data, int bytes) { return (void)file, (void)data, (void)bytes, 0; }
int _lseek(int file, int offset, int whence) { return (void)file, (void)offset, (void)whence, 0; }
int _close(int file) { return (void)file, 0; }
int _isatty(int file) { return (void)file, 1; }
int _kill(int process, int signal) { return (void)process, (void)signal, -1; }
int _getpid(void) { return 1; }
void _exit(int code) { semihost_exit(code); }

int _fstat(int file, struct stat* status) {
  (void)file;
  status->st_mode = S_IFCHR;
  return 0;
}

/* C++ registers destructors of static objects under it, though nothing here ever ends */
void* __dso_handle __attribute__((weak));

/* newlib's own brings printf and the heap with it */
void __assert_func(const char* file, int line, const char* function, const char* expression) {
  (void)line;
  (void)function;
  machine_console_puts(file);
  machine_console_puts(": assertion failed: ");
  machine_console_puts(expression);
  machine_console_puts("\n");
  __builtin_trap();
}
