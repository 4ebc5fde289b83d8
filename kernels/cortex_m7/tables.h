/* c5 is read through tables of the activations: the 243 sums that five columns can make (T-MAC, Wei et al.
 * 2024, arXiv:2407.00088, with five ternary weights as index instead of four bits). */
#ifndef BITMAR_KERNELS_TABLES_H_
#define BITMAR_KERNELS_TABLES_H_

#include "dsp.h"

#if defined(BM_HAVE_DSP)

/* Bytes from table to table: 256 entries, of which a valid matrix reads the first 243. */
enum { TABLE_BYTES = 512, PAIR_TABLE_BYTES = 1024 };
/* Columns whose sums fit the int16 halves of a pair: 51 * 5 * 127 < 2^15. */
enum { PAIR_GROUPS = 51 };

/* table[sum of code_j * 3^j] = sum of (code_j - 1) * x_j, j < 5, int16, for each five of x[5 * groups]. */
void bm_dsp_tables(const int16_t* x, int32_t groups, int16_t* tables);
/* The same of two tokens: token a's sum in the low half of a word, token b's in the high half. */
void bm_dsp_pair_tables(const int16_t* a, const int16_t* b, int32_t groups, uint32_t* tables);

#endif
#endif
