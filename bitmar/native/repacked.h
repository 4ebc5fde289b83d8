/* Matrices in the layout that this processor reads fastest, made when a graph is prepared: files keep the
 * smaller b3, and a Pi has the RAM (2 bits a weight) to read it once. The bits that come out are the same.
 * Nodes of one graph, and its subgraphs, share the copy of a matrix that they share. */
#ifndef BITMAR_REPACKED_H_
#define BITMAR_REPACKED_H_

#include "bitmar_kernels.h"

typedef struct Repacked Repacked;

/* The copy of w, or NULL: w is in the best layout already, or memory ran out; w itself serves then. `w` must
 * live as long as the copy: its address is what the copy is found by. *list is the first of all copies. */
Repacked* repacked_take(Repacked** list, const bm_ternary* w);

/* Gives it back; the last user's return frees it. NULL is harmless. */
void repacked_release(Repacked** list, Repacked* copy);

/* Its bytes, in BM_LAYOUT_RM2. */
uint8_t* repacked_bytes(Repacked* copy);

#endif
