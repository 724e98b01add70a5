#include "pyexport_link.h"

#include <string.h>

#include "pyx_crc.h"

#define TYPE 1     /* place in the head */
#define SEQUENCE 2
#define BODY PYX_HEAD_BYTES

/* An answer that is being written over the request, behind its head. */
typedef struct {
    uint8_t *buffer;
    size_t size;
    size_t length;
} answer_t;

static void put8(answer_t *answer, uint8_t value)
{
    if (answer->length < answer->size) { /* PYX_BUFFER_BYTES sees to it */
        answer->buffer[answer->length] = value;
        answer->length++;
    }
}

static void put16(answer_t *answer, uint16_t value)
{
    put8(answer, (uint8_t)(value & 0xFFu));
    put8(answer, (uint8_t)(value >> 8));
}

static void put32(answer_t *answer, uint32_t value)
{
    put16(answer, (uint16_t)(value & 0xFFFFu));
    put16(answer, (uint16_t)(value >> 16));
}

static void put_flash_text(answer_t *answer, const char *text)
{
    const size_t at = answer->length;
    uint8_t length = 0;
    uint8_t byte;

    put8(answer, 0);
    while (length < UINT8_MAX && (byte = PYX_READ_U8(&text[length])) != 0) {
        put8(answer, byte);
        length++;
    }
    answer->buffer[at] = length;
}

static void put_text(answer_t *answer, const char *text)
{
    const size_t whole = strlen(text);
    const uint8_t length = (uint8_t)(whole < PYX_TEXT_BYTES ? whole : PYX_TEXT_BYTES);
    uint8_t i;

    put8(answer, length);
    for (i = 0; i < length; i++) {
        put8(answer, (uint8_t)text[i]);
    }
}

static uint32_t tag_of(uint32_t tag, const uint8_t *data, size_t size)
{
    size_t i;

    for (i = 0; i < size; i++) {
        tag = pyx_crc_byte(tag, data[i], PYX_CRC32C);
    }
    return tag;
}

static size_t value_bytes(uint8_t dtype)
{
    return dtype == 3 ? 4 : dtype > 3 ? 2 : 1;
}

static size_t input_bytes(const pyx_model_t *model)
{
    return (size_t)model->input_size * value_bytes(model->input_dtype);
}

static size_t output_bytes(const pyx_model_t *model)
{
    return (size_t)model->output_size * value_bytes(model->output_dtype);
}

static uint16_t class_of(const pyx_model_t *model, const void *outputs)
{
    return model->argmax != NULL ? model->argmax(outputs) : PYX_NO_CLASS;
}

static void identify(const pyx_device_t *device, answer_t *answer)
{
    const pyx_model_t *const model = device->model;
    const pyx_board_t *const board = device->board;
    uint8_t i;

    put8(answer, model->input_dtype);
    put8(answer, model->output_dtype);
    put8(answer, device->selftest ? 1 : 0);
    put8(answer, model->argmax != NULL ? 1 : 0);
    put32(answer, model->input_size);
    put32(answer, model->output_size);
    put32(answer, model->state_bytes);
    put32(answer, board->free_ram());
    put32(answer, board->cycles_hz());
    put32(answer, device->last_cycles);
    put32(answer, device->requests);
    put32(answer, device->dropped);
    put32(answer, device->repeats);
    for (i = 0; i < PYX_IDENTITY_BYTES; i++) {
        put8(answer, PYX_READ_U8(&model->identity[i]));
    }
    put_flash_text(answer, model->name);
    put_flash_text(answer, model->profile);
    put_flash_text(answer, model->exporter);
    put_text(answer, board->name());
}

/* A sequence begins: no step was made, and no answer before is one of its. */
static void reset(pyx_device_t *device)
{
    device->model->reset();
    device->steps = 0;
    device->predicted = false;
}

/*
 * Answer a prediction; one that was asked again is not made again. A host gives its next question
 * another number, so that a tag which two inputs share by chance does not mix them up.
 */
static void predict(pyx_device_t *device, answer_t *answer, uint32_t tag)
{
    const pyx_model_t *const model = device->model;
    const size_t size = output_bytes(model);
    const uint16_t number =
        (uint16_t)(answer->buffer[SEQUENCE] | (uint16_t)answer->buffer[SEQUENCE + 1] << 8);
    uint32_t start;
    size_t i;

    if (device->predicted && device->last_number == number && device->last_tag == tag) {
        device->repeats++;
    } else {
        start = device->board->cycles();
        model->predict(&answer->buffer[BODY], device->outputs);
        device->last_cycles = device->board->cycles() - start;
        device->last_tag = tag;
        device->last_number = number;
        device->predicted = true;
        device->steps++;
    }
    answer->length = BODY;
    put8(answer, PYX_OK);
    for (i = 0; i < size; i++) {
        put8(answer, device->outputs[i]);
    }
    put16(answer, class_of(model, device->outputs));
    put32(answer, device->last_cycles);
    if (model->reset != NULL) {
        put32(answer, device->steps); /* tells a host whether a step was lost, or made twice */
    }
}

/* The class of output bytes of the host's choice, moved to where they are aligned. */
static void argmax(pyx_device_t *device, answer_t *answer)
{
    const size_t size = output_bytes(device->model);

    device->predicted = false;
    memcpy(device->outputs, &answer->buffer[BODY], size);
    answer->length = BODY;
    put8(answer, PYX_OK);
    put16(answer, class_of(device->model, device->outputs));
}

static uint8_t problem_of(const pyx_device_t *device, const uint8_t *request, size_t length)
{
    size_t body = 0;

    if (request[0] != PYX_PROTOCOL) {
        return PYX_WRONG_VERSION;
    }
    if (request[TYPE] < PYX_IDENTIFY || request[TYPE] > PYX_RESET ||
        (request[TYPE] == PYX_RESET && device->model->reset == NULL)) {
        return PYX_UNKNOWN_TYPE;
    }
    if (request[TYPE] == PYX_PREDICT) {
        body = input_bytes(device->model);
    } else if (request[TYPE] == PYX_ARGMAX) {
        body = output_bytes(device->model);
    }
    return length == PYX_HEAD_BYTES + body ? PYX_OK : PYX_WRONG_LENGTH;
}

static void answer_request(pyx_device_t *device)
{
    uint8_t *const buffer = device->receiver.buffer;
    const size_t length = device->receiver.length;
    const uint8_t problem = problem_of(device, buffer, length);
    const uint8_t type = buffer[TYPE];
    const uint32_t tag = tag_of(device->seed, buffer, length);
    answer_t answer = {buffer, device->receiver.size - PYX_CRC_BYTES, BODY};

    buffer[0] = PYX_PROTOCOL;
    buffer[TYPE] = (uint8_t)(type | PYX_ANSWER);
    if (problem == PYX_OK && type == PYX_PREDICT) {
        predict(device, &answer, tag);
    } else if (problem == PYX_OK && type == PYX_ARGMAX) {
        argmax(device, &answer);
    } else {
        put8(&answer, problem);
    }
    if (problem == PYX_OK && type == PYX_IDENTIFY) {
        identify(device, &answer);
    }
    if (problem == PYX_OK && type == PYX_SELFTEST) {
        device->selftest = device->model->selftest();
        put8(&answer, device->selftest ? 1 : 0);
    }
    if (problem == PYX_OK && type == PYX_RESET) {
        reset(device);
    }
    put32(&answer, tag_of(tag, buffer, answer.length) ^ UINT32_C(0xFFFFFFFF));
    pyx_send(device->board->write, buffer, answer.length);
}

/* Tell people who watch the line with a terminal; to a host it is noise. */
static void greet(pyx_device_t *device)
{
    static const char before[] PYX_FLASH = "pyexport: ";
    static const char passed[] PYX_FLASH = ", self-test passed\r\n";
    static const char failed[] PYX_FLASH = ", self-test FAILED\r\n";
    const char *const texts[] = {
        before, device->model->name, device->selftest ? passed : failed
    };
    size_t i;
    const char *text;
    uint8_t byte;

    for (i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (text = texts[i]; (byte = PYX_READ_U8(text)) != 0; text++) {
            device->board->write(&byte, 1);
        }
    }
    byte = 0;
    device->board->write(&byte, 1);
}

void pyx_device_begin(pyx_device_t *device, const pyx_model_t *model, const pyx_board_t *board,
    uint8_t *buffer, size_t size, uint8_t *outputs)
{
    uint8_t i;

    memset(device, 0, sizeof *device);
    device->model = model;
    device->board = board;
    device->receiver.buffer = buffer;
    device->receiver.size = size;
    device->outputs = outputs;
    pyx_receiver_reset(&device->receiver);
    device->seed = PYX_CRC_START;
    for (i = 0; i < PYX_IDENTITY_BYTES; i++) {
        device->seed = pyx_crc_byte(device->seed, PYX_READ_U8(&model->identity[i]), PYX_CRC32C);
    }
    if (model->reset != NULL) {
        reset(device);
    }
    device->selftest = model->selftest();
    greet(device);
}

void pyx_device_receive(pyx_device_t *device, uint8_t byte, uint32_t now_ms)
{
    pyx_receiver_t *const receiver = &device->receiver;
    pyx_received_t received;

    if (pyx_receiver_busy(receiver) && now_ms - device->heard_at > PYX_TIMEOUT_MS) {
        pyx_receiver_reset(receiver);
        device->dropped++;
    }
    device->heard_at = now_ms;
    received = pyx_receive(receiver, byte);
    if (received == PYX_DROPPED) {
        device->dropped++;
    } else if (received == PYX_FRAME) {
        if (receiver->length >= PYX_HEAD_BYTES) {
            device->requests++;
            answer_request(device);
        } else {
            device->dropped++; /* too short to be answered */
        }
        pyx_receiver_reset(receiver);
    }
}
