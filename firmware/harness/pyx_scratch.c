/* Paints the scratch and 16 bytes on either side, predicts, and looks for what has changed. Two
   paints: a byte that was written differs from at least one of them. */
#include "pyx_scratch.h"

#define SIDE 16u /* a multiple of every alignment */
#define ROOM (PYX_SCRATCH_BYTES > 0u ? PYX_SCRATCH_BYTES : 4u)

static uint8_t memory[SIDE + ROOM + SIDE] PYX_NOINIT __attribute__((aligned(8)));

static uint32_t high_water(uint8_t paint, const pyx_input_t *in, pyx_output_t *out)
{
    uint32_t high = 0u;
    uint_fast32_t i;
    for (i = 0; i < sizeof memory; i++) {
        memory[i] = paint;
    }
#ifdef PYX_STATE_BYTES
    pyx_state_reset();
#endif
    pyx_predict_scratch(in, out, memory + SIDE);
    for (i = 0; i < sizeof memory; i++) {
        if (memory[i] == paint) {
            continue;
        }
        if (i < SIDE || i >= SIDE + PYX_SCRATCH_BYTES) {
            return PYX_SCRATCH_OUTSIDE;
        }
        high = (uint32_t)(i - SIDE + 1u);
    }
    return high;
}

uint32_t pyx_scratch_high(const pyx_input_t *in, pyx_output_t *out)
{
    const uint32_t first = high_water(0xA5u, in, out);
    const uint32_t second = high_water(0x5Au, in, out);
    return first > second ? first : second;
}

uint32_t pyx_batch_scratch(const pyx_input_t *in, uint32_t count)
{
    uint32_t most = 0u;
    uint32_t row;
    uint32_t i;
    for (row = 0u; row < count; row++) {
        uint32_t high;
        for (i = 0u; i < PYX_INPUT_SIZE; i++) {
            pyx_ram.in[i] = in[row * PYX_INPUT_SIZE + i];
        }
        high = pyx_scratch_high(pyx_ram.in, pyx_ram.out);
        most = high > most ? high : most;
    }
    return most;
}
