/* Sets and checks the guard bytes around the input and output buffer. */
#include "pyx_ram.h"

pyx_ram_t pyx_ram PYX_NOINIT __attribute__((aligned(8)));

static void fill(uint8_t *p, uint_fast16_t n)
{
    while (n-- > 0u) {
        *p++ = PYX_GUARD_BYTE;
    }
}

static uint8_t intact(const uint8_t *p, uint_fast16_t n)
{
    while (n-- > 0u) {
        if (*p++ != PYX_GUARD_BYTE) {
            return 0u;
        }
    }
    return 1u;
}

void pyx_guard_set(void)
{
    fill(pyx_ram.low, sizeof pyx_ram.low);
    fill(pyx_ram.middle, sizeof pyx_ram.middle);
    fill(pyx_ram.high, sizeof pyx_ram.high);
#ifdef PYX_STATE_BYTES
    fill(pyx_ram.end, sizeof pyx_ram.end);
#endif
}

uint8_t pyx_guard_intact(void)
{
    uint8_t whole = (uint8_t)(intact(pyx_ram.low, sizeof pyx_ram.low) & intact(pyx_ram.middle, sizeof pyx_ram.middle)
                              & intact(pyx_ram.high, sizeof pyx_ram.high));
#ifdef PYX_STATE_BYTES
    whole &= intact(pyx_ram.end, sizeof pyx_ram.end);
#endif
    return whole;
}
