/* Predicts on painted scratch with guard bytes around it: up to where is it written? */
#ifndef PYX_SCRATCH_H
#define PYX_SCRATCH_H

#include "pyx_ram.h"

#define PYX_SCRATCH_OUTSIDE 0xFFFFFFFFu

void pyx_predict_scratch(const pyx_input_t *in, pyx_output_t *out, void *scratch);

/* Each returns the bytes up to the highest one written, or PYX_SCRATCH_OUTSIDE. */
uint32_t pyx_scratch_high(const pyx_input_t *in, pyx_output_t *out);
uint32_t pyx_batch_scratch(const pyx_input_t *in, uint32_t count);

#endif
