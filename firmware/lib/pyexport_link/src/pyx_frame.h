/*
 * Frames on a line that may lose, change and invent bytes (docs/link.md):
 * COBS(payload, CRC-32 of the payload, little endian), then a zero byte, which occurs nowhere else.
 */
#ifndef PYX_FRAME_H
#define PYX_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PYX_CRC_BYTES 4

/* Takes a frame apart byte by byte, into a buffer of yours. */
typedef struct {
    uint8_t *buffer;
    size_t size;   /* of the buffer: the longest payload and its CRC */
    size_t length; /* bytes decoded so far */
    uint32_t crc;  /* over these */
    uint8_t code;  /* of the current COBS block, 0 before the first */
    uint8_t left;  /* bytes of that block still to come */
    bool bad;      /* too long: nothing counts up to the next zero byte */
} pyx_receiver_t;

typedef enum {
    PYX_MORE,    /* no frame ends here */
    PYX_FRAME,   /* buffer holds a payload of receiver->length bytes; reset before the next byte */
    PYX_DROPPED  /* what ends here was no whole frame */
} pyx_received_t;

/* Begin anew: what came of a frame so far is forgotten. */
void pyx_receiver_reset(pyx_receiver_t *receiver);

/* Whether a frame has begun and not ended. */
bool pyx_receiver_busy(const pyx_receiver_t *receiver);

/* Take the next byte of the line. */
pyx_received_t pyx_receive(pyx_receiver_t *receiver, uint8_t byte);

/* Writes bytes to the line; may wait. At most 254 are given at once. */
typedef void (*pyx_write_t)(const uint8_t *data, uint16_t size);

/*
 * Write the frame of buffer[0..length), and a zero byte before it, which ends whatever noise the
 * other side took for the beginning of a frame. buffer needs PYX_CRC_BYTES more than length.
 */
void pyx_send(pyx_write_t write, uint8_t *buffer, size_t length);

#ifdef __cplusplus
}
#endif

#endif
