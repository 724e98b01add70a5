/* Runs many inputs in one call: copies each into the guarded buffer, predicts, copies the result out. */
#include "pyx_batch.h"

static pyx_acc_t *trace_acc PYX_NOINIT;   /* records of the current inference */
static uint8_t *trace_seen PYX_NOINIT;    /* one flag a record */
static uint32_t trace_status PYX_NOINIT;

static void copy(void *to, const void *from, uint32_t bytes)
{
    uint8_t *t = (uint8_t *)to;
    const uint8_t *f = (const uint8_t *)from;
    while (bytes-- > 0u) {
        *t++ = *f++;
    }
}

/* Reads every byte, hence volatile: of an early exit clang makes a chain of IT blocks, after which
 * unicorn 2.1.4 was seen to skip an instruction on Cortex-M7. It does so of a short loop that it
 * unrolls, too, unless the difference is volatile as well. */
static uint8_t equal(const void *a, const void *b, uint32_t bytes)
{
    const volatile uint8_t *x = (const volatile uint8_t *)a;
    const volatile uint8_t *y = (const volatile uint8_t *)b;
    volatile uint8_t difference = 0u;
    while (bytes-- > 0u) {
        const uint8_t left = *x++;
        const uint8_t right = *y++;
        difference = (uint8_t)(difference | (left ^ right));
    }
    return difference == 0u;
}

#ifdef PYX_TRACE_BUILD
void pyx_trace(uint32_t node, uint32_t index, pyx_acc_t acc)
{
#if PYX_TRACE_NODES == 0 /* no layer adds anything up: nobody may call this */
    (void)node;
    (void)index;
    (void)acc;
    trace_status = PYX_TRACE_FOREIGN;
#else
    static const uint32_t first[PYX_TRACE_NODES + 1] = PYX_TRACE_FIRST;
    uint32_t at;
    if (node >= PYX_TRACE_NODES || index >= first[node + 1u] - first[node]) {
        trace_status = PYX_TRACE_FOREIGN;
        return;
    }
    at = first[node] + index;
    if (trace_seen[at] != 0u) {
        trace_status = PYX_TRACE_INCOMPLETE;
    }
    trace_seen[at] = 1u;
    trace_acc[at] = acc;
#endif
}
#endif

uint32_t pyx_batch_predict(const pyx_input_t *in, pyx_output_t *out, uint16_t *classes, pyx_acc_t *acc,
                           uint8_t *seen, uint32_t count, uint32_t first)
{
    uint32_t row;
    uint32_t i;
    pyx_guard_set();
    trace_acc = acc;
    trace_seen = seen;
    trace_status = 0u;
    (void)first;
    for (row = 0u; row < count; row++) {
        for (i = 0u; acc != 0 && i != PYX_TRACE_TOTAL; i++) {
            trace_seen[i] = 0u;
        }
        copy(pyx_ram.in, in, sizeof pyx_ram.in);
#ifdef PYX_STATE_BYTES
        if ((first + row) % PYX_STEPS == 0u) {
            pyx_state_reset();
        }
#endif
        pyx_predict(pyx_ram.in, pyx_ram.out);
        copy(out, pyx_ram.out, sizeof pyx_ram.out);
#ifdef PYX_ARGMAX
        classes[row] = pyx_argmax(pyx_ram.out);
#else
        (void)classes;
#endif
        if (equal(pyx_ram.in, in, sizeof pyx_ram.in) == 0u) {
            trace_status = PYX_INPUT_CHANGED;
        }
        if (pyx_guard_intact() == 0u) {
            trace_status = PYX_GUARD_BROKEN;
        }
        for (i = 0u; acc != 0 && i != PYX_TRACE_TOTAL; i++) {
            if (trace_seen[i] == 0u && trace_status == 0u) {
                trace_status = PYX_TRACE_INCOMPLETE;
            }
        }
        if (trace_status != 0u) {
            return (row << 8) | trace_status;
        }
        in += PYX_INPUT_SIZE;
        out += PYX_OUTPUT_SIZE;
        if (acc != 0) {
            trace_acc += PYX_TRACE_TOTAL;
        }
    }
    return 0u;
}

#ifdef PYX_ARGMAX
uint32_t pyx_batch_argmax(const pyx_output_t *out, uint16_t *classes, uint32_t count)
{
    uint32_t row;
    for (row = 0u; row < count; row++) {
        copy(pyx_ram.out, out, sizeof pyx_ram.out);
        classes[row] = pyx_argmax(pyx_ram.out);
        out += PYX_OUTPUT_SIZE;
    }
    return 0u;
}
#endif
