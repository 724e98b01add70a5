/* Firmware of an emulated AVR: one command a reset; the host writes and reads RAM at the stops. */
#include <avr/io.h>

#include "pyx_ram.h"
#ifdef PYX_SCRATCH_BUILD
#include "pyx_scratch.h"
#endif
#include "pyx_stop.h"

enum { COMMAND_PREDICT = 1, COMMAND_ARGMAX = 2, COMMAND_SELFTEST = 3, COMMAND_SCRATCH = 4, COMMAND_FIRST = 5 };

typedef struct {
    uint8_t command;
    uint8_t status;
    uint16_t result; /* class, verdict of the self-test, or bytes of scratch */
} mailbox_t;

typedef struct {
    uint32_t node;
    uint32_t index;
    pyx_acc_t acc;
} record_t;

volatile mailbox_t pyx_mailbox PYX_NOINIT;
volatile record_t pyx_record PYX_NOINIT;

#ifdef PYX_TRACE_BUILD
void pyx_trace(uint32_t node, uint32_t index, pyx_acc_t acc)
{
    pyx_record.node = node;
    pyx_record.index = index;
    pyx_record.acc = acc;
    GPIOR0 = 1u; /* the host takes the record when this register is written */
}
#endif

int main(void)
{
    pyx_mailbox.status = 0xFFu;
#ifdef PYX_STATE_BYTES
    if (pyx_mailbox.command == COMMAND_FIRST) { /* predict, as the first step after a reset */
        pyx_state_reset();
        pyx_mailbox.command = COMMAND_PREDICT;
    }
#endif
    if (pyx_mailbox.command == COMMAND_PREDICT) {
        pyx_guard_set();
        pyx_predict(pyx_ram.in, pyx_ram.out);
        pyx_mailbox.status = (uint8_t)((pyx_guard_intact() != 0u) ? 0u : PYX_GUARD_BROKEN);
#ifdef PYX_ARGMAX
        pyx_mailbox.result = pyx_argmax(pyx_ram.out);
#endif
    }
#ifdef PYX_ARGMAX
    if (pyx_mailbox.command == COMMAND_ARGMAX) {
        pyx_mailbox.result = pyx_argmax(pyx_ram.out);
        pyx_mailbox.status = 0u;
    }
#endif
#ifdef PYX_SCRATCH_BUILD
    if (pyx_mailbox.command == COMMAND_SCRATCH) {
        pyx_mailbox.result = (uint16_t)pyx_scratch_high(pyx_ram.in, pyx_ram.out);
        pyx_mailbox.status = 0u;
    }
#endif
#ifdef PYX_SELFTEST
    if (pyx_mailbox.command == COMMAND_SELFTEST) {
        pyx_mailbox.result = pyx_selftest();
        pyx_mailbox.status = 0u;
    }
#endif
    for (;;) {
        pyx_stop();
    }
}
