/* The input and output buffer of one inference in the chip's RAM, with guard bytes around them. */
#ifndef PYX_RAM_H
#define PYX_RAM_H

#include "pyx_interface.h"

#define PYX_GUARD 8
#define PYX_GUARD_BYTE 0xC3u

/* Statuses of a batch, in the low byte; the bytes above hold the number of the input. */
#define PYX_GUARD_BROKEN 1u
#define PYX_TRACE_FOREIGN 2u
#define PYX_TRACE_INCOMPLETE 3u
#define PYX_INPUT_CHANGED 4u

/* On a chip, harness memory stands apart from .data and .bss, which belong to the model alone. */
#ifdef PYX_CHIP
#define PYX_NOINIT __attribute__((section(".noinit")))
#else
#define PYX_NOINIT
#endif

typedef struct {
    uint8_t low[PYX_GUARD + (sizeof(pyx_input_t) == 1 ? 1 : 0)]; /* byte inputs start at an odd address */
    pyx_input_t in[PYX_INPUT_SIZE];
    uint8_t middle[PYX_GUARD];
    pyx_output_t out[PYX_OUTPUT_SIZE];
    uint8_t high[PYX_GUARD];
#ifdef PYX_STATE_BYTES
    uint8_t state[PYX_STATE_BYTES] __attribute__((aligned(4)));
    uint8_t end[PYX_GUARD];
#endif
} pyx_ram_t;

extern pyx_ram_t pyx_ram;

void pyx_guard_set(void);
uint8_t pyx_guard_intact(void);

#endif
