/* The only file that includes the model: what is measured and checked is this one object. */
#include "pyx_header.h"

#ifdef PYX_STATE_BYTES /* kept between steps: in the harness's memory, where guards lie around it */
#include "pyx_ram.h"
#define PYX_STATE ((pyx_state_t *)(void *)pyx_ram.state)
#define PYX_STATE_ARGUMENT PYX_STATE,

typedef char pyx_state_fits[sizeof(pyx_state_t) == PYX_STATE_BYTES ? 1 : -1];

void pyx_state_reset(void)
{
    PYX_RESET(PYX_STATE);
}
#else
#define PYX_STATE_ARGUMENT
#endif

void pyx_predict(const pyx_input_t *in, pyx_output_t *out)
{
    PYX_PREDICT(PYX_STATE_ARGUMENT in, out);
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
    PYX_PREDICT_SCRATCH(PYX_STATE_ARGUMENT in, out, (pyx_scratch_t *)scratch);
}
#endif

#ifdef PYX_SELFTEST
uint8_t pyx_selftest(void)
{
    return PYX_SELFTEST() ? 1u : 0u;
}
#endif
