/* Firmware that runs a batch laid out in the host window, a memory that real chips do not have. */
#include "pyx_batch.h"
#ifdef PYX_SCRATCH_BUILD
#include "pyx_scratch.h"
#endif
#include "pyx_stop.h"

enum { COMMAND_PREDICT = 1, COMMAND_ARGMAX = 2, COMMAND_SELFTEST = 3, COMMAND_SCRATCH = 4 };

typedef struct {
    uint32_t command;
    uint32_t count;
    uint32_t in; /* addresses, 0 where there is none */
    uint32_t out;
    uint32_t classes;
    uint32_t acc;
    uint32_t seen;
    uint32_t status;
    uint32_t first; /* number of the first row */
} control_t;

#define CONTROL ((volatile control_t *)PYX_WINDOW)

int main(void)
{
    uint16_t *classes = (uint16_t *)CONTROL->classes;
    pyx_output_t *out = (pyx_output_t *)CONTROL->out;
    uint32_t count = CONTROL->count;
    uint32_t status = 0xFFu;
    if (CONTROL->command == COMMAND_PREDICT) {
        status = pyx_batch_predict((const pyx_input_t *)CONTROL->in, out, classes, (pyx_acc_t *)CONTROL->acc,
                                   (uint8_t *)CONTROL->seen, count, CONTROL->first);
    }
#ifdef PYX_ARGMAX
    if (CONTROL->command == COMMAND_ARGMAX) {
        status = pyx_batch_argmax(out, classes, count);
    }
#endif
#ifdef PYX_SCRATCH_BUILD
    if (CONTROL->command == COMMAND_SCRATCH) {
        *(uint32_t *)CONTROL->acc = pyx_batch_scratch((const pyx_input_t *)CONTROL->in, count);
        status = 0u;
    }
#endif
#ifdef PYX_SELFTEST
    if (CONTROL->command == COMMAND_SELFTEST) {
        *classes = pyx_selftest();
        status = 0u;
    }
#endif
    CONTROL->status = status;
    for (;;) {
        pyx_stop();
    }
}
