/** The episodic memory: on the card, or in RAM alone where the card cannot be used. */
#pragma once
#include <cstdint>

#include "memstore.h"

namespace bitmar {

/** Opens the memory of the card; where that fails, one in RAM. Prints what it found. False: not even RAM
 * works. */
bool card_open();
void card_close();

/** ms_verify of the open memory: what it found, and that as a text. Both stay until the next call. */
int card_verify(const ms_report** report, const char** text);

/** The open memory; its number of slots. */
ms_memory* memory();
uint32_t memory_slots();

/** nullptr, or why nothing is saved: said with every answer. */
const char* card_problem();

/** Bytes of RAM that the memory has taken (index, hot slots, buffers). */
uint32_t memory_bytes();

/** Of these the hot slots, and the bytes of the memory's files on a card. */
uint32_t memory_hot_bytes();
uint32_t card_bytes();

}  // namespace bitmar
