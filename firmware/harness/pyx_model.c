/* The only file that includes the model: what is measured and checked is this one object. */
#include "pyx_header.h"

void pyx_predict(const pyx_input_t *in, pyx_output_t *out)
{
    PYX_PREDICT(in, out);
}

#ifdef PYX_ARGMAX
uint16_t pyx_argmax(const pyx_output_t *out)
{
    return PYX_ARGMAX(out);
}
#endif

#ifdef PYX_SCRATCH_BUILD
void pyx_predict_scratch(const pyx_input_t *in, pyx_output_t *out, void *scratch)
{
    PYX_PREDICT_SCRATCH(in, out, (pyx_scratch_t *)scratch);
}
#endif

#ifdef PYX_SELFTEST
uint8_t pyx_selftest(void)
{
    return PYX_SELFTEST() ? 1u : 0u;
}
#endif
