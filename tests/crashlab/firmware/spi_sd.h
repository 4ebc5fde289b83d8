/* An SD card in SPI mode on the board's SSI0: SD Physical Layer Simplified Specification, chapter 7. */
#ifndef BITMAR_SPI_SD_H
#define BITMAR_SPI_SD_H

#include <stdint.h>

/* All return 0, or what went wrong: 1 no answer, 2 wrong CRC, 3 refused. Sectors are 512 bytes. */
int sd_start(void);
int sd_read(uint32_t sector, uint8_t* data);
int sd_write(uint32_t sector, const uint8_t* data); /* returns when the card has it */

#endif
