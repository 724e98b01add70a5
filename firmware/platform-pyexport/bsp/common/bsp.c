/* Receive buffer and name: the same on every bare board. */
#include "bsp.h"

#include "board.h"

#ifndef BSP_RECEIVE_BYTES
#define BSP_RECEIVE_BYTES 64u /* a power of two; as large as Arduino's on an Uno */
#endif

static volatile uint8_t received[BSP_RECEIVE_BYTES];
static volatile uint8_t head; /* next byte to store, by the interrupt alone */
static volatile uint8_t tail; /* next byte to take, by board_read() alone */

void bsp_received(uint8_t byte)
{
    uint8_t next = (uint8_t)((head + 1u) % BSP_RECEIVE_BYTES);
    if (next != tail) { /* a full buffer drops the byte, as Arduino's does */
        received[head] = byte;
        head = next;
    }
}

int bsp_take(void)
{
    uint8_t byte;
    if (head == tail) {
        return -1;
    }
    byte = received[tail];
    tail = (uint8_t)((tail + 1u) % BSP_RECEIVE_BYTES);
    return byte;
}

const char *board_name(void)
{
    return BOARD_NAME;
}
