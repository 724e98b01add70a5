/* Firmware that only predicts: flash, RAM, stack and time are measured on this image. */
#include "pyx_stop.h"
#include "pyx_ram.h"

int main(void)
{
#ifdef PYX_STATE_BYTES
    pyx_state_reset();
#endif
    for (;;) {
        pyx_predict(pyx_ram.in, pyx_ram.out);
        pyx_stop();
    }
}
