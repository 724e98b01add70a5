/* Two CRCs of 32 bits, a bit at a time: a table would cost a small chip more than the time does. */
#ifndef PYX_CRC_H
#define PYX_CRC_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PYX_CRC32 UINT32_C(0xEDB88320)  /* IEEE 802.3, as zlib.crc32 */
#define PYX_CRC32C UINT32_C(0x82F63B78) /* Castagnoli */

#define PYX_CRC_START UINT32_C(0xFFFFFFFF) /* the value to begin with; the result is inverted */
#define PYX_CRC32_GOOD UINT32_C(0xDEBB20E3) /* after data and their own CRC-32, not inverted */

/* The CRC continued over one byte; polynomial is one of the two above. */
uint32_t pyx_crc_byte(uint32_t crc, uint8_t byte, uint32_t polynomial);

#ifdef __cplusplus
}
#endif

#endif
