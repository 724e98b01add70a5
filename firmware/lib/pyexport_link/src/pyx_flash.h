/* Constant data that stays in flash: on AVR that is an address space of its own. */
#ifndef PYX_FLASH_H
#define PYX_FLASH_H

#include <stdint.h>

#if defined(__AVR__)
#include <avr/pgmspace.h>
#define PYX_FLASH PROGMEM
#define PYX_READ_U8(p) ((uint8_t)pgm_read_byte(p))
#else
#define PYX_FLASH
#define PYX_READ_U8(p) ((uint8_t)*(p))
#endif

#endif
