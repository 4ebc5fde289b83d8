/** A card in RAM: sectors that can be cut off, pulled out or fail, below FatFs or SdFat. */
#pragma once
#include <cstdint>
#include <vector>

namespace ram_disk {
constexpr uint32_t kSectors = 16384; /* 8 MB */

extern bool there;         /**< in its slot */
extern uint8_t error;      /**< of the last transfer that failed; stays until start(), as SdioCard's */
extern uint32_t transfers; /**< sectors read and written */
extern uint32_t writes;    /**< sectors written */
extern uint32_t cut_at;    /**< the write in which the power goes, from 1; 0: none */
extern uint32_t fail_at;   /**< the transfer that fails once, from 1; 0: none */
extern uint32_t pull_at;   /**< the transfer before which the card is pulled, from 1; 0: none */
extern uint32_t since_fed; /**< transfers since the watchdog was fed */
extern uint32_t longest;   /**< the most of them */

bool start(); /**< the card's initialisation: false where there is none */
bool read(uint32_t sector, uint8_t* to, uint32_t count);
bool write(uint32_t sector, const uint8_t* from, uint32_t count);

const std::vector<uint32_t>& written(); /**< the sectors since keep() or restore(), in their order */
void fill_with_garbage();
void keep();     /**< this content is what restore() gives back */
void restore();  /**< all counters 0, no fault, the card in its slot */
void power_on(); /**< the same with the content as it is */
}  // namespace ram_disk
