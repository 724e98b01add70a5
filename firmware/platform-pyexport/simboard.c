/* An AVR board in libsimavr: its serial line is standard input and output, its flash is a file.

   usage: simboard MCU CLOCK_HZ FLASH_FILE RESET_PC
   FLASH_FILE holds the whole flash; what a bootloader changes there is written back at the end.
   SIGUSR1 resets the board as its button does. SIGTERM ends it with status 0.
   exit status: 0, what the firmware wrote (GPIOR1 = status, GPIOR2 = 0xE5), 70 when it crashed,
   1 when the arguments are wrong

   Time: a board that computes or waits runs no faster than a real one; while bytes pass on the line
   it may. After two seconds without any byte time passes slowly, so that a board that only waits
   costs little; not in a bootloader, which waits for a short time only. */
#define _GNU_SOURCE /* ppoll */
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_io.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GPIOR1 = 0x4A, GPIOR2 = 0x4B, EXIT_MARK = 0xE5, CRASHED = 70 };
enum { SLICE_US = 1000, QUIET_US = 2000000, SLOW_MS = 10 };

static avr_t *avr;
static avr_irq_t *line_in;
static volatile sig_atomic_t stopped, reset;
static int ended = -1; /* exit status once the firmware gave one */
static int can_take = 1; /* the UART's buffer has room */
static int talked;       /* bytes passed in this slice */
static char fault[200];

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void on_signal(int number)
{
    if (number == SIGUSR1) {
        reset = 1;
    } else {
        stopped = 1;
    }
}

/* simavr says only in its messages that the firmware did something impossible. */
static void on_message(struct avr_t *from, const int level, const char *format, va_list values)
{
    (void)from;
    if (level <= LOG_ERROR && fault[0] == '\0') {
        vsnprintf(fault, sizeof fault, format, values);
        fault[strcspn(fault, "\r\n")] = '\0';
    }
}

static void on_byte(struct avr_irq_t *irq, uint32_t value, void *parameter)
{
    uint8_t byte = (uint8_t)value;
    (void)irq;
    (void)parameter;
    talked = 1;
    while (write(STDOUT_FILENO, &byte, 1) < 0 && !stopped) {
        struct pollfd out = {STDOUT_FILENO, POLLOUT, 0};
        if (errno != EAGAIN && errno != EINTR) {
            stopped = 1;
        }
        poll(&out, 1, 100);
    }
}

static void on_room(struct avr_irq_t *irq, uint32_t value, void *parameter)
{
    (void)irq;
    (void)value;
    can_take = parameter != NULL;
}

static void on_end(struct avr_t *board, avr_io_addr_t address, uint8_t value, void *parameter)
{
    (void)parameter;
    board->data[address] = value;
    if (value == EXIT_MARK) {
        ended = board->data[GPIOR1];
    }
}

static void take_input(void)
{
    while (can_take) {
        uint8_t byte;
        ssize_t size = read(STDIN_FILENO, &byte, 1);
        if (size != 1) {
            return;
        }
        talked = 1;
        avr_raise_irq(line_in, byte);
    }
}

/* Waits up to `us`, less when input comes that the board can take. */
static void rest(int64_t us)
{
    struct pollfd in = {can_take ? STDIN_FILENO : -1, POLLIN, 0};
    struct timespec wait = {us / 1000000, us % 1000000 * 1000};
    if (ppoll(&in, 1, &wait, NULL) > 0 && (in.revents & POLLIN) == 0) {
        usleep((useconds_t)us); /* the other side is gone: no need to look again at once */
    }
}

static void power_on(void)
{
    avr_reset(avr);
    avr->data[0x54] = 1u << 1; /* MCUSR: external reset, for which a bootloader stays a while */
    can_take = 1;
    reset = 0;
}

static void connect_line(void)
{
    uint32_t flags = 0;
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags); /* neither print nor sleep */
    line_in = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), on_byte, NULL);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUT_XON), on_room, &can_take);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUT_XOFF), on_room, NULL);
    avr_register_io_write(avr, GPIOR2, on_end, NULL);
}

static void no_sleep(struct avr_t *board, avr_cycle_count_t cycles)
{
    (void)board;
    (void)cycles; /* rest() keeps the time */
}

static void run(uint32_t boot_pc)
{
    avr_cycle_count_t slice = (avr_cycle_count_t)avr->frequency / 1000000u * SLICE_US;
    int64_t due = now_us(), quiet_since = due;
    while (!stopped && ended < 0 && fault[0] == '\0') {
        avr_cycle_count_t end = avr->cycle + slice;
        int64_t now;
        int state = cpu_Running;
        if (reset) {
            power_on();
            end = avr->cycle + slice;
        }
        talked = 0;
        take_input();
        while (avr->cycle < end && ended < 0 && state != cpu_Crashed && state != cpu_Done) {
            state = avr_run(avr);
        }
        if (state == cpu_Crashed || state == cpu_Done) {
            snprintf(fault, sizeof fault, "the core stopped at 0x%04x", (unsigned)avr->pc);
        }
        now = now_us();
        due += SLICE_US;
        if (talked) {
            quiet_since = now;
        }
        if (talked) {
            due = now;
        } else if (now - quiet_since > QUIET_US && (boot_pc == 0 || avr->pc < boot_pc)) {
            due = now + SLOW_MS * 1000;
        }
        if (due > now) {
            rest(due - now);
        } else if (now - due > 100000) {
            due = now; /* this computer is slower than the board: do not try to catch up */
        }
        if (now_us() < due) {
            due = now_us();
        }
    }
}

static int flash_file(const char *path, const char *mode)
{
    FILE *file = fopen(path, mode);
    size_t size = (size_t)avr->flashend + 1u, done = 0;
    if (file != NULL) {
        done = mode[0] == 'r' ? fread(avr->flash, 1, size, file) : fwrite(avr->flash, 1, size, file);
    }
    if (file == NULL || fclose(file) != 0 || done != size) {
        fprintf(stderr, "simboard: %s: not a file of %zu bytes, the board's flash\n", path, size);
        return 0;
    }
    return 1;
}

int main(int argc, char **argv)
{
    struct sigaction action;
    sigset_t signals;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    sigprocmask(SIG_UNBLOCK, &signals, NULL); /* who starts a board may have held it back */
    signal(SIGPIPE, SIG_IGN);
    avr_global_logger_set(on_message);
    avr = argc == 5 ? avr_make_mcu_by_name(argv[1]) : NULL;
    if (avr == NULL) {
        fprintf(stderr, "usage: simboard MCU CLOCK_HZ FLASH_FILE RESET_PC\n");
        return 1;
    }
    avr_init(avr);
    avr->frequency = (uint32_t)strtoul(argv[2], NULL, 0);
    avr->log = LOG_ERROR;
    avr->sleep = no_sleep;
    avr->reset_pc = (avr_flashaddr_t)strtoul(argv[4], NULL, 0);
    avr->codeend = avr->flashend;
    if (!flash_file(argv[3], "rb")) {
        return 1;
    }
    fault[0] = '\0'; /* messages of the start are none of the firmware's */
    connect_line();
    fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
    power_on();
    run(avr->reset_pc);
    if (avr->reset_pc != 0 && !flash_file(argv[3], "wb")) {
        return 1;
    }
    if (fault[0] != '\0') {
        fprintf(stderr, "simboard: %s\n", fault);
        return CRASHED;
    }
    return ended < 0 ? 0 : ended;
}
