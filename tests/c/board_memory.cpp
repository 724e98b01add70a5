/*
 * board_memory.cpp - a board whose serial line, clock and cycle counter are variables: a program
 * puts bytes in, lets the firmware run until all are read, and takes out what it wrote.
 */
#include "board.h"
#include "pyexport_link.h"

#include <string.h>

namespace {

const uint8_t *next_byte = nullptr;
size_t unread = 0;
uint8_t written[1 << 16];
size_t written_size = 0;
uint32_t milliseconds = 0;
uint32_t cycles = 0;

void keep(const uint8_t *data, uint16_t size)
{
    if (size <= sizeof written - written_size) {
        memcpy(written + written_size, data, size);
        written_size += size;
    }
}

size_t take(uint8_t *out)
{
    const size_t size = written_size;

    memcpy(out, written, size);
    written_size = 0;
    return size;
}

} // namespace

void board_begin(void) {}

int board_read(void)
{
    if (unread == 0) {
        return -1;
    }
    unread--;
    return *next_byte++;
}

void board_write(const uint8_t *data, uint16_t size)
{
    keep(data, size);
}

uint32_t board_cycles(void)
{
    cycles += 1000; /* an inference asks twice */
    return cycles;
}

uint32_t board_cycles_hz(void)
{
    return 1000000u;
}

uint32_t board_millis(void)
{
    return milliseconds;
}

uint32_t board_free_ram(void)
{
    return 1234u;
}

const char *board_name(void)
{
    return "memory";
}

extern "C" {

/* Start the firmware anew; out gets what it wrote. Returns the size of that. */
size_t memory_reset(uint8_t *out)
{
    setup();
    return take(out);
}

/* Let the firmware read bytes that come at a time in ms; out gets what it wrote meanwhile. */
size_t memory_run(const uint8_t *data, size_t size, uint32_t now_ms, uint8_t *out)
{
    next_byte = data;
    unread = size;
    milliseconds = now_ms;
    while (unread != 0) {
        loop();
    }
    return take(out);
}

/* The frame of a payload as the firmware's library writes it. */
size_t memory_encode(const uint8_t *payload, size_t size, uint8_t *out)
{
    static uint8_t buffer[1 << 15];

    memcpy(buffer, payload, size);
    pyx_send(keep, buffer, size);
    return take(out);
}

/*
 * What the firmware's library makes of a stream of bytes: for each frame found its size as two
 * bytes, little endian, and its payload. dropped counts the rest.
 */
size_t memory_decode(const uint8_t *data, size_t size, size_t longest, uint8_t *out, size_t *dropped)
{
    static uint8_t buffer[1 << 15];
    pyx_receiver_t receiver = {};
    size_t i;

    *dropped = 0;
    receiver.buffer = buffer;
    receiver.size = longest + PYX_CRC_BYTES;
    pyx_receiver_reset(&receiver);
    for (i = 0; i < size; i++) {
        switch (pyx_receive(&receiver, data[i])) {
        case PYX_MORE:
            break;
        case PYX_DROPPED:
            *dropped += 1;
            break;
        case PYX_FRAME: {
            const uint8_t head[2] = {
                static_cast<uint8_t>(receiver.length & 0xFFu),
                static_cast<uint8_t>(receiver.length >> 8),
            };
            keep(head, 2);
            keep(buffer, static_cast<uint16_t>(receiver.length));
            pyx_receiver_reset(&receiver);
            break;
        }
        }
    }
    return take(out);
}
}
