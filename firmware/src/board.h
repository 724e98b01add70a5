/*
 * board.h - what the application needs of a board.
 *
 * board_arduino.cpp has it for boards with an Arduino core; the emulated boards have support
 * packages of their own.
 */
#ifndef FIRMWARE_BOARD_H
#define FIRMWARE_BOARD_H

#include <stdint.h>

#if defined(ARDUINO)
#include <Arduino.h> /* declares setup() and loop(): some cores as C, some as C++ */
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define BOARD_BAUD 115200
#define BOARD_RAM_UNKNOWN UINT32_MAX

void board_begin(void);                                   /* serial line, cycle counter */
int board_read(void);                                     /* next received byte, or -1 */
void board_write(const uint8_t *data, uint16_t size);     /* may wait */
uint32_t board_cycles(void);                              /* free-running, wraps */
uint32_t board_cycles_hz(void);                           /* its rate; 0: it does not count */
uint32_t board_millis(void);                              /* wraps */
uint32_t board_free_ram(void);                            /* never used since start, or unknown */
const char *board_name(void);                             /* "uno" */

#if !defined(ARDUINO)
/* The application, for support packages that have a main() of their own: once, then for ever. */
void setup(void);
void loop(void);
#endif

#ifdef __cplusplus
}
#endif

#endif /* FIRMWARE_BOARD_H */
