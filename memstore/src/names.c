/* What may be a name. */
#include "memstore.h"

/* Length of the UTF-8 sequence at p (RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF), 0
 * if bad. */
static uint32_t sequence_length(const uint8_t* p) {
  static const uint8_t first_min[4] = {0xa0, 0x80, 0x90, 0x80}, first_max[4] = {0xbf, 0x9f, 0xbf, 0x8f};
  if (p[0] < 0x80) return 1;
  if (p[0] < 0xc2 || p[0] > 0xf4) return 0;
  uint8_t low = 0x80, high = 0xbf;
  int special = p[0] == 0xe0 ? 0 : p[0] == 0xed ? 1 : p[0] == 0xf0 ? 2 : p[0] == 0xf4 ? 3 : -1;
  if (special >= 0) low = first_min[special], high = first_max[special];
  if (p[1] < low || p[1] > high) return 0;
  uint32_t length = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
  for (uint32_t i = 2; i < length; i++)
    if ((p[i] & 0xc0) != 0x80) return 0; /* a NUL ends here, so nothing is read beyond it */
  return length;
}

int ms_check_name(const char* name) {
  if (!name) return MS_E_ARGUMENT;
  if (!*name) return MS_E_NAME_EMPTY;
  const uint8_t* p = (const uint8_t*)name;
  uint32_t bytes = 0;
  int utf8 = 1;
  while (bytes < MS_NAME_BYTES && p[bytes]) {
    uint32_t step = utf8 ? sequence_length(p + bytes) : 1;
    if (!step) utf8 = 0, step = 1;
    bytes += step;
  }
  if (bytes >= MS_NAME_BYTES) return MS_E_NAME_LONG;
  return utf8 ? MS_OK : MS_E_NAME_UTF8;
}
