/* Entries of a block of the log: the laboratory's memories choose, so that a short life crosses many. */
#ifndef BITMAR_LAB_BLOCK_H
#define BITMAR_LAB_BLOCK_H

extern unsigned lab_block;
#define MS_BLOCK lab_block

#endif
