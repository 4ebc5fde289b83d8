/** Arm semihosting: files, command line and exit code of the machine that runs the emulator.
 *  "Semihosting for AArch32 and AArch64", release 2.0. No malloc, no stdio. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** fopen-like modes of SYS_OPEN. */
enum { SEMIHOST_READ = 1, SEMIHOST_READ_WRITE = 3, SEMIHOST_WRITE = 4, SEMIHOST_CREATE = 7 };

/** One semihosting call; the meaning of `argument` and of the result depends on `operation`. */
int32_t semihost_call(int32_t operation, const void* argument);

int32_t semihost_open(const char* path, int32_t mode); /**< handle, or -1 */
int32_t semihost_close(int32_t handle);                /**< 0, or -1 */
/** Whole transfers at an offset: 0, or -1 where anything is short. */
int32_t semihost_read_at(int32_t handle, uint32_t offset, void* data, uint32_t bytes);
int32_t semihost_write_at(int32_t handle, uint32_t offset, const void* data, uint32_t bytes);
int32_t semihost_length(int32_t handle); /**< bytes, or -1 */
int32_t semihost_rename(const char* from, const char* to);
int32_t semihost_remove(const char* path);
/** Seconds since 1970 of the host. */
uint32_t semihost_time(void);

/** The command line into `buffer`, zero-terminated; 0, or -1 if there is none. */
int32_t semihost_command_line(char* buffer, uint32_t bytes);
void semihost_exit(int32_t code) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif
