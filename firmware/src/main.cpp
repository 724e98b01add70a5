/*
 * main.cpp - waits for a frame, runs the model, answers. The same on every board.
 */
#ifndef PIO_UNIT_TESTING /* a test program has a setup() and a loop() of its own */

#include "board.h"
#include "model.h"
#include "pyexport_link.h"

namespace {

const char model_name[] PYX_FLASH = MODEL_NAME;
const char model_profile[] PYX_FLASH = MODEL_PROFILE;
const char model_exporter[] PYX_FLASH = MODEL_EXPORTER;
const uint8_t model_identity[PYX_IDENTITY_BYTES] PYX_FLASH = MODEL_IDENTITY_BYTES;

#if MODEL_STATE_BYTES
model_state_t state; /* of the one stream that comes over the line */

void predict(const void *in, void *out)
{
    model_step(&state, static_cast<const model_input_t *>(in), static_cast<model_output_t *>(out));
}

void reset()
{
    model_reset(&state);
}
#else
void predict(const void *in, void *out)
{
    model_predict(static_cast<const model_input_t *>(in), static_cast<model_output_t *>(out));
}

void (*const reset)() = nullptr;
#endif

#if MODEL_HAS_ARGMAX
uint16_t argmax(const void *out)
{
    return model_argmax(static_cast<const model_output_t *>(out));
}
#else
uint16_t (*const argmax)(const void *) = nullptr;
#endif

bool selftest()
{
    return model_selftest();
}

const pyx_model_t model = {
    model_name,
    model_profile,
    model_exporter,
    model_identity,
    MODEL_INPUT_SIZE,
    MODEL_OUTPUT_SIZE,
    MODEL_INPUT_DTYPE,
    MODEL_OUTPUT_DTYPE,
    predict,
    argmax,
    selftest,
    MODEL_STATE_BYTES,
    reset,
};

const pyx_board_t board = {
    board_write, board_cycles, board_cycles_hz, board_free_ram, board_name,
};

alignas(4) uint8_t frame[PYX_BUFFER_BYTES(MODEL_INPUT_BYTES, MODEL_OUTPUT_BYTES,
    sizeof MODEL_NAME + sizeof MODEL_PROFILE + sizeof MODEL_EXPORTER)];
alignas(4) uint8_t outputs[MODEL_OUTPUT_BYTES];
pyx_device_t device;

} // namespace

void setup()
{
    board_begin();
    pyx_device_begin(&device, &model, &board, frame, sizeof frame, outputs);
}

void loop()
{
    const int byte = board_read();

    if (byte >= 0) {
        pyx_device_receive(&device, static_cast<uint8_t>(byte), board_millis());
    }
}

#endif /* PIO_UNIT_TESTING */
