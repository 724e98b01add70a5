/* Runs many inputs in one call; the arrays belong to whoever drives the harness. */
#ifndef PYX_BATCH_H
#define PYX_BATCH_H

#include "pyx_ram.h"

/* Each returns 0 or a status of pyx_ram.h. `classes` and `acc` may be null. `first` is the number of
 * the first row: with a state, rows are steps, and the number says before which one it is reset. */
uint32_t pyx_batch_predict(const pyx_input_t *in, pyx_output_t *out, uint16_t *classes, pyx_acc_t *acc,
                           uint8_t *seen, uint32_t count, uint32_t first);
uint32_t pyx_batch_argmax(const pyx_output_t *out, uint16_t *classes, uint32_t count);

#endif
