/* For the functions that are written as a whole in assembler: their inner loops need every register, more
 * than a compiler leaves to single instructions. A naked function gets its arguments as the procedure call
 * standard says (AAPCS32: r0..r3, then the stack) and saves what it must. They are in C files, so that no
 * build has to know of another kind of source. */
#ifndef BITMAR_KERNELS_ASM_H_
#define BITMAR_KERNELS_ASM_H_

#include "dsp.h"

#if defined(BM_HAVE_DSP)

#pragma GCC diagnostic ignored "-Wunused-parameter"

#define DSP_ASM __attribute__((naked, noinline, noipa))

/* `op` eight times, with 0..7 for its \\i */
#define DSP_EIGHT(op) ".irp i,0,1,2,3,4,5,6,7\n" op "\n.endr\n"

#endif
#endif
