/** memstore's storage port on semihosting: the card is a directory of the machine that runs the emulator. */
#pragma once
#include "memstore.h"

/** The port of FOLDER/bitmar_memory. Semihosting cannot make folders: bitmar_memory/ and
 * bitmar_memory/states/ must exist
 *  (`pipeline.py console --target qemu` makes them), else it counts as no card. */
const ms_port* card_semihosting(const char* folder);
