/*
 * fuzz_link.c - libFuzzer target: whatever comes over the line, the device stays in its memory and
 * writes nothing but whole frames that answer requests.
 *
 * The first byte of an input says how the rest is taken: as bytes of the line, or as payloads that
 * are framed here, so that the checksum does not keep the fuzzer out of what lies behind it; and its
 * highest bit whether the model has a state. Buffers come from malloc in their exact size, so the address sanitizer sees the first byte too far.
 */
#include "pyexport_link.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INPUTS 7u
#define OUTPUTS 3u /* floats: their alignment matters too */
#define NAMES 16u
#define LINE_BYTES (1u << 20)

static uint8_t line[LINE_BYTES]; /* what the device wrote */
static size_t line_size;
static uint32_t clock_now;

#define REQUIRE(condition) \
    do { \
        if (!(condition)) { \
            abort(); \
        } \
    } while (0)

static void line_write(const uint8_t *data, uint16_t size)
{
    REQUIRE(size <= 254 && line_size + size <= LINE_BYTES);
    memcpy(&line[line_size], data, size);
    line_size += size;
}

static uint32_t one_more(void)
{
    return ++clock_now;
}

static const char *long_name(void)
{
    return "a name of a board that is longer than any board has";
}

static void predict(const void *in, void *out)
{
    const uint8_t *const inputs = (const uint8_t *)in;
    float *const outputs = (float *)out;
    size_t o;

    for (o = 0; o < OUTPUTS; o++) {
        outputs[o] = (float)inputs[o] * 0.5f - (float)inputs[INPUTS - 1u];
    }
}

static uint16_t argmax(const void *out)
{
    const float *const outputs = (const float *)out;
    uint16_t best = 0;
    uint16_t i;

    for (i = 1; i < OUTPUTS; i++) {
        if (outputs[i] > outputs[best]) {
            best = i;
        }
    }
    return best;
}

static bool selftest(void)
{
    return true;
}

static uint32_t kept; /* steps since a reset, by the model's own account */

static void step(const void *in, void *out)
{
    predict(in, out);
    *(float *)out += (float)++kept;
}

static void reset(void)
{
    kept = 0;
}

static const uint8_t identity[PYX_IDENTITY_BYTES] = {1, 2, 3};
static const pyx_model_t model = {
    "fuzzed", "PX1-f32", "0", identity, INPUTS, OUTPUTS, 1, 3, predict, argmax, selftest, 0, NULL,
};
static const pyx_model_t stateful = {
    "fuzzed", "PX1-f32", "0", identity, INPUTS, OUTPUTS, 1, 3, step, argmax, selftest, sizeof kept, reset,
};
static const pyx_board_t board = {line_write, one_more, one_more, one_more, long_name};

/* Every zero-terminated piece must be a whole frame with an answer in it. */
static size_t answers(const pyx_device_t *device)
{
    static uint8_t payload[1024];
    pyx_receiver_t receiver;
    size_t found = 0;
    size_t i;

    memset(&receiver, 0, sizeof receiver);
    receiver.buffer = payload;
    receiver.size = sizeof payload;
    pyx_receiver_reset(&receiver);
    for (i = 0; i < line_size; i++) {
        const pyx_received_t received = pyx_receive(&receiver, line[i]);

        REQUIRE(received != PYX_DROPPED);
        if (received == PYX_FRAME) {
            REQUIRE(receiver.length >= PYX_ANSWER_BYTES);
            REQUIRE(payload[0] == PYX_PROTOCOL && (payload[1] & PYX_ANSWER) != 0);
            REQUIRE(payload[PYX_HEAD_BYTES] <= PYX_WRONG_VERSION);
            if (payload[1] == (PYX_PREDICT | PYX_ANSWER) && payload[PYX_HEAD_BYTES] == PYX_OK) {
                REQUIRE(receiver.length == PYX_ANSWER_BYTES + OUTPUTS * sizeof(float) +
                        PYX_PREDICT_BYTES + (device->model->reset != NULL ? PYX_STEP_BYTES : 0));
            }
            found++;
            pyx_receiver_reset(&receiver);
        }
    }
    REQUIRE(!pyx_receiver_busy(&receiver));
    line_size = 0;
    return found;
}

static pyx_device_t *new_device(const pyx_model_t *asked)
{
    const size_t size = PYX_BUFFER_BYTES(INPUTS, OUTPUTS * sizeof(float), NAMES);
    pyx_device_t *const device = (pyx_device_t *)malloc(sizeof *device);
    uint8_t *const buffer = (uint8_t *)malloc(size);
    uint8_t *const outputs = (uint8_t *)malloc(OUTPUTS * sizeof(float));

    REQUIRE(device != NULL && buffer != NULL && outputs != NULL);
    pyx_device_begin(device, asked, &board, buffer, size, outputs);
    line_size = 0; /* the greeting is no frame */
    return device;
}

static void delete_device(pyx_device_t *device)
{
    free(device->receiver.buffer);
    free(device->outputs);
    free(device);
}

/* Frame each payload: one byte of size, one of type, then what the fuzzer chose. */
static void framed(pyx_device_t *device, const uint8_t *data, size_t size)
{
    uint8_t payload[300];
    uint8_t frame[700];
    size_t frame_size;
    size_t length;
    size_t i;

    while (size >= 2) {
        length = data[0] < size - 1u ? data[0] : size - 1u;
        memcpy(payload, &data[1], length);
        if (length != 0 && (data[0] & 1u) != 0) {
            payload[0] = PYX_PROTOCOL; /* most versions are refused: spare the fuzzer the search */
        }
        data += 1u + length;
        size -= 1u + length;
        if (length == 0) {
            continue;
        }
        line_size = 0;
        pyx_send(line_write, payload, length);
        frame_size = line_size;
        REQUIRE(frame_size <= sizeof frame);
        memcpy(frame, line, frame_size);
        line_size = 0;
        for (i = 0; i < frame_size; i++) {
            pyx_device_receive(device, frame[i], clock_now);
        }
        if (length >= PYX_HEAD_BYTES && length + PYX_CRC_BYTES <= device->receiver.size) {
            REQUIRE(answers(device) == 1);
        } else {
            REQUIRE(answers(device) == 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pyx_device_t *device;
    size_t i;

    if (size == 0) {
        return 0;
    }
    device = new_device((data[0] & 0x80u) != 0 ? &stateful : &model);
    if ((data[0] & 1u) != 0) {
        framed(device, data + 1, size - 1);
    } else {
        for (i = 1; i < size; i++) {
            pyx_device_receive(device, data[i], clock_now + ((data[0] & 0x7Fu) == 2 ? (uint32_t)i * 999u : 0u));
        }
        pyx_device_receive(device, 0, clock_now); /* what came may lack nothing but its end */
        REQUIRE(answers(device) == device->requests);
        /* whatever came, the next request is answered */
        framed(device, (const uint8_t *)"\x05\x02\x01\x00\x00", 5);
        REQUIRE(device->requests >= 1);
    }
    REQUIRE(device->model->reset == NULL || device->steps == kept);
    delete_device(device);
    return 0;
}
