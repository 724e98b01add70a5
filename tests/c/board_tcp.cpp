/*
 * board_tcp.cpp - this computer as a board for tests: its serial line is a TCP port.
 *
 * BOARD_PORT in the environment names the port; without it the system chooses one. The line
 * "port N" on standard output says which. One host at a time is served.
 */
#include "board.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef BOARD_NAME
#define BOARD_NAME "native"
#endif

namespace {

const int idle_ms = 10; /* how long board_read() waits for a byte: keeps the processor free */
int listener = -1;
int line = -1;
uint8_t received[4096];
size_t next_byte = 0;
size_t end_byte = 0;

void stop(const char *what)
{
    perror(what);
    exit(1);
}

bool readable(int descriptor)
{
    struct pollfd one = {descriptor, POLLIN, 0};

    return poll(&one, 1, idle_ms) > 0;
}

void connect_line()
{
    const int on = 1;

    if (readable(listener)) {
        line = accept(listener, nullptr, nullptr);
        if (line >= 0) {
            setsockopt(line, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        }
    }
}

void hang_up()
{
    close(line);
    line = -1;
}

} // namespace

void board_begin(void)
{
    const char *const wanted = getenv("BOARD_PORT");
    const int on = 1;
    struct sockaddr_in address = {};
    socklen_t size = sizeof address;

    signal(SIGPIPE, SIG_IGN);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(wanted != nullptr ? atoi(wanted) : 0));
    listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, reinterpret_cast<struct sockaddr *>(&address), sizeof address) != 0 ||
        listen(listener, 1) != 0 ||
        getsockname(listener, reinterpret_cast<struct sockaddr *>(&address), &size) != 0) {
        stop("the board's port");
    }
    printf("port %d\n", static_cast<int>(ntohs(address.sin_port)));
    fflush(stdout);
}

int board_read(void)
{
    ssize_t got;

    if (line < 0) {
        connect_line();
        return -1;
    }
    if (next_byte == end_byte) {
        if (!readable(line)) {
            return -1;
        }
        got = recv(line, received, sizeof received, 0);
        if (got <= 0) {
            hang_up();
            return -1;
        }
        next_byte = 0;
        end_byte = static_cast<size_t>(got);
    }
    return received[next_byte++];
}

void board_write(const uint8_t *data, uint16_t size)
{
    size_t sent = 0;
    ssize_t now;

    while (line >= 0 && sent < size) {
        now = send(line, data + sent, size - sent, 0);
        if (now < 0 && errno == EINTR) {
            continue;
        }
        if (now <= 0) {
            hang_up();
            next_byte = end_byte;
        } else {
            sent += static_cast<size_t>(now);
        }
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
    return static_cast<uint32_t>(static_cast<uint64_t>(now.tv_sec) * 1000u +
        static_cast<uint64_t>(now.tv_nsec) / 1000000u);
}

uint32_t board_free_ram(void)
{
    return BOARD_RAM_UNKNOWN;
}

const char *board_name(void)
{
    return BOARD_NAME;
}

int main()
{
    setup();
    for (;;) {
        loop();
    }
}
