#include "pyx_frame.h"

#include "pyx_crc.h"

#define LONGEST_RUN 254u /* bytes of a COBS block without its code */

void pyx_receiver_reset(pyx_receiver_t *receiver)
{
    receiver->length = 0;
    receiver->crc = PYX_CRC_START;
    receiver->code = 0;
    receiver->left = 0;
    receiver->bad = false;
}

bool pyx_receiver_busy(const pyx_receiver_t *receiver)
{
    return receiver->code != 0;
}

static void decoded(pyx_receiver_t *receiver, uint8_t byte)
{
    if (receiver->length == receiver->size) {
        receiver->bad = true;
        return;
    }
    receiver->buffer[receiver->length] = byte;
    receiver->length++;
    receiver->crc = pyx_crc_byte(receiver->crc, byte, PYX_CRC32);
}

static pyx_received_t frame_end(pyx_receiver_t *receiver)
{
    const bool whole = !receiver->bad && receiver->left == 0 && receiver->length > PYX_CRC_BYTES;

    if (!pyx_receiver_busy(receiver)) {
        return PYX_MORE; /* zero bytes between frames mean nothing */
    }
    if (whole && receiver->crc == PYX_CRC32_GOOD) {
        receiver->length -= PYX_CRC_BYTES;
        return PYX_FRAME;
    }
    pyx_receiver_reset(receiver);
    return PYX_DROPPED;
}

pyx_received_t pyx_receive(pyx_receiver_t *receiver, uint8_t byte)
{
    if (byte == 0) {
        return frame_end(receiver);
    }
    if (receiver->left != 0) {
        receiver->left--;
        decoded(receiver, byte);
        return PYX_MORE;
    }
    if (receiver->code != 0 && receiver->code != LONGEST_RUN + 1u) {
        decoded(receiver, 0); /* the zero that stood behind the block before */
    }
    receiver->code = byte;
    receiver->left = (uint8_t)(byte - 1u);
    return PYX_MORE;
}

static void write_byte(pyx_write_t write, uint8_t byte)
{
    write(&byte, 1);
}

void pyx_send(pyx_write_t write, uint8_t *buffer, size_t length)
{
    uint32_t crc = PYX_CRC_START;
    size_t start = 0;
    size_t i;
    uint16_t run;

    for (i = 0; i < length; i++) {
        crc = pyx_crc_byte(crc, buffer[i], PYX_CRC32);
    }
    crc ^= UINT32_C(0xFFFFFFFF);
    for (i = 0; i < PYX_CRC_BYTES; i++) {
        buffer[length + i] = (uint8_t)(crc >> (8u * i));
    }
    length += PYX_CRC_BYTES;
    write_byte(write, 0);
    for (;;) {
        run = 0;
        while (run < LONGEST_RUN && start + run < length && buffer[start + run] != 0) {
            run++;
        }
        write_byte(write, (uint8_t)(run + 1u));
        if (run != 0) {
            write(&buffer[start], run);
        }
        start += run;
        if (start == length) {
            break;
        }
        if (run < LONGEST_RUN) {
            start++; /* the code stands for this zero */
        }
    }
    write_byte(write, 0);
}
