/* Letter, number, white space or other: binary search in the generated ranges. */
#include "bpe_internal.h"
#include "bpe_unicode_ranges.h"

/* Ranges are sorted within each plane of 65,536 code points; plane_start has the index of each plane's first
 * one. */
static int in_ranges(const uint16_t (*ranges)[2], const uint16_t* plane_start, uint32_t code_point) {
  const uint32_t low = code_point & 0xFFFF;
  uint32_t begin = plane_start[code_point >> 16], end = plane_start[(code_point >> 16) + 1];
  while (begin < end) {
    const uint32_t middle = (begin + end) / 2;
    if (low > ranges[middle][1]) {
      begin = middle + 1;
    } else if (low < ranges[middle][0]) {
      end = middle;
    } else {
      return 1;
    }
  }
  return 0;
}

bpe_class bpe_class_of(uint32_t code_point) {
  if (code_point < 0x80) {
    const uint32_t lower = code_point | 0x20;
    if (lower >= 'a' && lower <= 'z') return BPE_LETTER;
    if (code_point >= '0' && code_point <= '9') return BPE_NUMBER;
    return code_point == ' ' || (code_point >= '\t' && code_point <= '\r') ? BPE_SPACE : BPE_OTHER;
  }
  if (code_point > 0x10FFFF) return BPE_OTHER;
  if (in_ranges(bpe_letters, bpe_letters_plane, code_point)) return BPE_LETTER;
  if (in_ranges(bpe_numbers, bpe_numbers_plane, code_point)) return BPE_NUMBER;
  return in_ranges(bpe_spaces, bpe_spaces_plane, code_point) ? BPE_SPACE : BPE_OTHER;
}
