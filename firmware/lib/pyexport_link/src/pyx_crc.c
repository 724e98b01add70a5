#include "pyx_crc.h"

uint32_t pyx_crc_byte(uint32_t crc, uint8_t byte, uint32_t polynomial)
{
    uint_fast8_t bit;

    crc ^= byte;
    for (bit = 0; bit < 8; bit++) {
        crc = (crc & 1u) ? (crc >> 1) ^ polynomial : crc >> 1;
    }
    return crc;
}
