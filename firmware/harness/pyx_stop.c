/* In a file of its own, so that no compiler can see that it does nothing. */
#include "pyx_stop.h"

void pyx_stop(void)
{
    __asm__ volatile("nop");
}
