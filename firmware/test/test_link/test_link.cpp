/*
 * The library of the serial link on the chip itself: checksums, frames, and what a device answers.
 */
#include <string.h>

#include "pyexport_link.h"
#include "pyx_crc.h"
#include "pyx_test.h"

namespace {

const size_t longest = 260; /* more than one COBS block */
uint8_t buffer[longest + PYX_CRC_BYTES];
uint8_t line[longest + 12]; /* what was written */
size_t line_size = 0;

void line_write(const uint8_t *data, uint16_t size)
{
    if (size <= sizeof line - line_size) {
        memcpy(&line[line_size], data, size);
        line_size += size;
    }
}

uint32_t crc_of_digits(uint32_t polynomial)
{
    uint32_t crc = PYX_CRC_START;
    uint8_t digit;

    for (digit = '1'; digit <= '9'; digit++) {
        crc = pyx_crc_byte(crc, digit, polynomial);
    }
    return crc ^ PYX_CRC_START;
}

void checksums_are_the_standard_ones()
{
    CHECK(crc_of_digits(PYX_CRC32) == 0xCBF43926u);
    CHECK(crc_of_digits(PYX_CRC32C) == 0xE3069283u);
}

void a_frame_has_the_documented_bytes()
{
    static const uint8_t expected[] = {
        0x00, 0x03, 0x01, 0x02, 0x06, 0x03, 0xAD, 0x3D, 0x75, 0x03, 0x00,
    };

    memcpy(buffer, "\1\2\0\3", 4);
    line_size = 0;
    pyx_send(line_write, buffer, 4);
    CHECK(line_size == sizeof expected);
    CHECK(memcmp(line, expected, sizeof expected) == 0);
}

/* Read the line; returns how many frames it holds, the last of which stays in `buffer`. */
uint8_t frames_on_line(pyx_receiver_t *receiver, uint8_t *dropped)
{
    uint8_t found = 0;
    size_t i;

    *dropped = 0;
    for (i = 0; i < line_size; i++) {
        switch (pyx_receive(receiver, line[i])) {
        case PYX_MORE:
            break;
        case PYX_DROPPED:
            *dropped = static_cast<uint8_t>(*dropped + 1u);
            break;
        case PYX_FRAME:
            found++;
            if (i + 1 < line_size) {
                pyx_receiver_reset(receiver);
            }
            break;
        }
    }
    return found;
}

pyx_receiver_t new_receiver(size_t size)
{
    pyx_receiver_t receiver;

    receiver.buffer = buffer;
    receiver.size = size;
    pyx_receiver_reset(&receiver);
    return receiver;
}

/* Send a payload whose byte i is `step` * i, and read it back. */
bool comes_back(size_t size, uint8_t step)
{
    pyx_receiver_t receiver;
    uint8_t dropped;
    size_t i;

    for (i = 0; i < size; i++) {
        buffer[i] = static_cast<uint8_t>(step == 0 ? 7 : step * i);
    }
    line_size = 0;
    pyx_send(line_write, buffer, size);
    memset(buffer, 0, sizeof buffer);
    receiver = new_receiver(sizeof buffer);
    if (frames_on_line(&receiver, &dropped) != 1 || dropped != 0 || receiver.length != size) {
        return false;
    }
    for (i = 0; i < size; i++) {
        if (buffer[i] != static_cast<uint8_t>(step == 0 ? 7 : step * i)) {
            return false;
        }
    }
    return true;
}

void payloads_come_back()
{
    CHECK(comes_back(1, 1));
    CHECK(comes_back(100, 0));
    CHECK(comes_back(249, 0));
    CHECK(comes_back(250, 0));
    CHECK(comes_back(251, 0));
    CHECK(comes_back(longest, 0));
    CHECK(comes_back(longest, 1));
    CHECK(comes_back(longest, 128));
}

void no_damaged_byte_goes_unseen()
{
    pyx_receiver_t receiver;
    uint8_t dropped;
    size_t i;

    memcpy(buffer, "frames", 6);
    line_size = 0;
    pyx_send(line_write, buffer, 6);
    for (i = 1; i + 1 < line_size; i++) {
        line[i] ^= 0x10u;
        receiver = new_receiver(sizeof buffer);
        CHECK(frames_on_line(&receiver, &dropped) == 0);
        CHECK(dropped >= 1);
        line[i] ^= 0x10u;
    }
}

void a_frame_longer_than_the_buffer_is_dropped()
{
    pyx_receiver_t receiver = new_receiver(9 + PYX_CRC_BYTES);
    uint8_t dropped;

    line_size = 0;
    memcpy(buffer, "0123456789", 10);
    pyx_send(line_write, buffer, 10);
    memcpy(buffer, "012345678", 9);
    pyx_send(line_write, buffer, 9);
    CHECK(frames_on_line(&receiver, &dropped) == 1);
    CHECK(dropped == 1);
}

/* ---- a device with a model that adds and subtracts ----------------------------------------- */

const char text[] PYX_FLASH = "sum";
const uint8_t identity[PYX_IDENTITY_BYTES] PYX_FLASH = {1, 2, 3};
uint8_t predictions = 0;
uint8_t outputs[2];
pyx_device_t device;

void predict(const void *in, void *out)
{
    const uint8_t *const x = static_cast<const uint8_t *>(in);
    uint8_t *const y = static_cast<uint8_t *>(out);

    y[0] = static_cast<uint8_t>(x[0] + x[1]);
    y[1] = static_cast<uint8_t>(x[0] - x[1]);
    predictions++;
}

uint16_t argmax(const void *out)
{
    const uint8_t *const y = static_cast<const uint8_t *>(out);

    return y[1] > y[0] ? 1 : 0;
}

bool well = true;

bool selftest()
{
    return well;
}

const pyx_model_t model = {
    text, text, text, identity, 2, 2, 1, 1, predict, argmax, selftest, 0, nullptr,
};

uint8_t kept = 0;

void add_step(const void *in, void *out)
{
    kept = static_cast<uint8_t>(kept + *static_cast<const uint8_t *>(in));
    *static_cast<uint8_t *>(out) = kept;
}

void forget()
{
    kept = 0;
}

const pyx_model_t running_sum = {
    text, text, text, identity, 1, 1, 1, 1, add_step, nullptr, selftest, sizeof kept, forget,
};
const pyx_board_t board = {
    line_write, board_cycles, board_cycles_hz, board_free_ram, board_name,
};

/* Ask; the answer is then in `buffer`. Returns its length, 0 without one. */
size_t ask(const uint8_t *payload, size_t size, uint32_t now_ms)
{
    static uint8_t request[32];
    pyx_receiver_t receiver;
    uint8_t dropped;
    size_t request_size;
    size_t i;

    memcpy(buffer, payload, size);
    line_size = 0;
    pyx_send(line_write, buffer, size);
    request_size = line_size;
    memcpy(request, line, request_size);
    line_size = 0;
    for (i = 0; i < request_size; i++) {
        pyx_device_receive(&device, request[i], now_ms);
    }
    receiver = new_receiver(sizeof buffer);
    return frames_on_line(&receiver, &dropped) == 1 ? receiver.length : 0;
}

void begin()
{
    predictions = 0;
    line_size = 0;
    pyx_device_begin(&device, &model, &board, buffer, sizeof buffer, outputs);
}

void a_device_greets_with_its_self_test()
{
    static const char greeting[] = "pyexport: sum, self-test passed\r\n";

    begin();
    CHECK(line_size == sizeof greeting);
    CHECK(memcmp(line, greeting, sizeof greeting) == 0);
}

void a_prediction_is_answered()
{
    static const uint8_t request[] = {PYX_PROTOCOL, PYX_PREDICT, 7, 1, 9, 4};
    static const uint8_t answer[] = {PYX_PROTOCOL, PYX_PREDICT | PYX_ANSWER, 7, 1, PYX_OK, 13, 5, 0, 0};

    begin();
    CHECK(ask(request, sizeof request, 0) == PYX_ANSWER_BYTES + PYX_PREDICT_BYTES + sizeof outputs);
    CHECK(memcmp(buffer, answer, sizeof answer) == 0);
}

void the_same_request_is_computed_once()
{
    uint8_t request[] = {PYX_PROTOCOL, PYX_PREDICT, 7, 1, 9, 4};

    begin();
    CHECK(ask(request, sizeof request, 0) != 0);
    CHECK(ask(request, sizeof request, 0) != 0);
    CHECK(predictions == 1);
    CHECK(buffer[5] == 13);
    request[2]++;
    CHECK(ask(request, sizeof request, 0) != 0);
    CHECK(predictions == 2);
}

void a_class_is_answered()
{
    static const uint8_t request[] = {PYX_PROTOCOL, PYX_ARGMAX, 1, 0, 4, 9};

    begin();
    CHECK(ask(request, sizeof request, 0) == PYX_ANSWER_BYTES + 2);
    CHECK(buffer[PYX_HEAD_BYTES] == PYX_OK && buffer[5] == 1 && buffer[6] == 0);
}

void an_identity_is_answered()
{
    static const uint8_t request[] = {PYX_PROTOCOL, PYX_IDENTIFY, 1, 0};

    begin();
    CHECK(ask(request, sizeof request, 0) ==
        PYX_ANSWER_BYTES + PYX_IDENTIFY_BYTES + 4 + 3 * 3 + strlen(board_name()));
    CHECK(buffer[PYX_HEAD_BYTES] == PYX_OK);
    CHECK(memcmp(&buffer[PYX_HEAD_BYTES + 1 + 40], "\1\2\3\0", 4) == 0);
}

void a_self_test_is_run_when_asked_for()
{
    static const uint8_t request[] = {PYX_PROTOCOL, PYX_SELFTEST, 1, 0};

    begin();
    CHECK(device.selftest);
    CHECK(ask(request, sizeof request, 0) == PYX_ANSWER_BYTES + 1);
    CHECK(buffer[PYX_HEAD_BYTES + 1] == 1);
    well = false;
    CHECK(ask(request, sizeof request, 0) == PYX_ANSWER_BYTES + 1);
    CHECK(buffer[PYX_HEAD_BYTES + 1] == 0);
    CHECK(!device.selftest);
    begin();
    CHECK(!device.selftest);
    well = true;
}

void what_cannot_be_obeyed_is_refused()
{
    uint8_t request[] = {PYX_PROTOCOL, PYX_PREDICT, 1, 0, 9};

    begin();
    CHECK(ask(request, sizeof request, 0) == PYX_ANSWER_BYTES);
    CHECK(buffer[PYX_HEAD_BYTES] == PYX_WRONG_LENGTH);
    request[1] = PYX_RESET; /* of a model without a state */
    CHECK(ask(request, sizeof request, 0) == PYX_ANSWER_BYTES);
    CHECK(buffer[PYX_HEAD_BYTES] == PYX_UNKNOWN_TYPE);
    request[0] = PYX_PROTOCOL + 1;
    CHECK(ask(request, sizeof request, 0) == PYX_ANSWER_BYTES);
    CHECK(buffer[PYX_HEAD_BYTES] == PYX_WRONG_VERSION);
    CHECK(predictions == 0);
}

bool step_gives(uint8_t number, uint8_t value, uint8_t sum, uint8_t steps)
{
    const uint8_t request[] = {PYX_PROTOCOL, PYX_PREDICT, number, 0, value};
    const size_t length = PYX_ANSWER_BYTES + 1 + PYX_PREDICT_BYTES + PYX_STEP_BYTES;
    const uint8_t *const told = &buffer[PYX_HEAD_BYTES + 1];

    return ask(request, sizeof request, 0) == length && told[0] == sum &&
        told[1 + PYX_PREDICT_BYTES] == steps;
}

void steps_go_on_until_a_reset()
{
    static const uint8_t request[] = {PYX_PROTOCOL, PYX_RESET, 3, 0};

    kept = 9;
    line_size = 0;
    pyx_device_begin(&device, &running_sum, &board, buffer, sizeof buffer, outputs);
    CHECK(step_gives(1, 5, 5, 1));
    CHECK(step_gives(2, 5, 10, 2));
    CHECK(step_gives(2, 5, 10, 2)); /* asked again */
    CHECK(ask(request, sizeof request, 0) == PYX_ANSWER_BYTES);
    CHECK(buffer[1] == (PYX_RESET | PYX_ANSWER) && buffer[PYX_HEAD_BYTES] == PYX_OK);
    CHECK(step_gives(2, 5, 5, 1)); /* nothing that was before the reset is an answer */
}

void half_a_frame_is_forgotten_after_a_time()
{
    static const uint8_t request[] = {PYX_PROTOCOL, PYX_SELFTEST, 1, 0};

    begin();
    pyx_device_receive(&device, 9, 0);
    pyx_device_receive(&device, 9, PYX_TIMEOUT_MS);
    CHECK(device.dropped == 0);
    pyx_device_receive(&device, 9, 2 * PYX_TIMEOUT_MS + 1);
    CHECK(device.dropped == 1);
    CHECK(ask(request, sizeof request, 2 * PYX_TIMEOUT_MS + 1) == PYX_ANSWER_BYTES + 1);
}

void run_tests()
{
    RUN(checksums_are_the_standard_ones);
    RUN(a_frame_has_the_documented_bytes);
    RUN(payloads_come_back);
    RUN(no_damaged_byte_goes_unseen);
    RUN(a_frame_longer_than_the_buffer_is_dropped);
    RUN(a_device_greets_with_its_self_test);
    RUN(a_prediction_is_answered);
    RUN(the_same_request_is_computed_once);
    RUN(a_class_is_answered);
    RUN(an_identity_is_answered);
    RUN(a_self_test_is_run_when_asked_for);
    RUN(what_cannot_be_obeyed_is_refused);
    RUN(steps_go_on_until_a_reset);
    RUN(half_a_frame_is_forgotten_after_a_time);
}

} // namespace

PYX_TEST_MAIN(run_tests)
