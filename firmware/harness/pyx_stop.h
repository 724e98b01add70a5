/* An empty function whose address tells an emulator that the firmware has a result. */
#ifndef PYX_STOP_H
#define PYX_STOP_H

void pyx_stop(void);

#endif
