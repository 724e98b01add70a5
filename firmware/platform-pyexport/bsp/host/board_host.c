/* This computer as a board: its serial line is standard input and output. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "board.h"
#include "bsp.h"

enum { IDLE_MS = 10 }; /* how long board_read() waits for a byte: leaves the processor to others */

static uint8_t buffer[4096];
static size_t next_byte;
static size_t end_byte;

void board_begin(void)
{
}

int board_read(void)
{
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    ssize_t size;
    if (next_byte == end_byte) {
        if (poll(&input, 1, IDLE_MS) <= 0) {
            return -1;
        }
        size = read(STDIN_FILENO, buffer, sizeof buffer);
        if (size < 0 && errno == EINTR) {
            return -1;
        }
        if (size <= 0) {
            exit(0); /* the line was taken away */
        }
        next_byte = 0;
        end_byte = (size_t)size;
    }
    return buffer[next_byte++];
}

void board_write(const uint8_t *data, uint16_t size)
{
    size_t sent = 0;
    while (sent < size) {
        ssize_t now = write(STDOUT_FILENO, data + sent, size - sent);
        if (now < 0 && errno != EINTR) {
            exit(0);
        }
        sent += now > 0 ? (size_t)now : 0u;
    }
}

uint32_t board_cycles(void)
{
    return 0;
}

uint32_t board_cycles_hz(void)
{
    return 0; /* what a computer counts says nothing about a chip */
}

uint32_t board_millis(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u);
}

uint32_t board_free_ram(void)
{
    return UINT32_MAX;
}

void board_exit(int status)
{
    exit(status);
}
