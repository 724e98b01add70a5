/* Serial line and clock of an emulated Cortex-M: CMSDK's UART (MPS2) or the nRF51's (micro:bit). */
#include "board.h"
#include "start.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define UART(offset) REGISTER(BSP_UART_BASE + (offset))
#define SYSTICK_CONTROL REGISTER(0xE000E010u)
#define SYSTICK_RELOAD REGISTER(0xE000E014u)
#define NVIC_ENABLE(irq) REGISTER(0xE000E100u + 4u * ((irq) / 32u))

void bsp_tick(void);
void bsp_uart(void);

static volatile uint32_t ticks;

void bsp_tick(void)
{
    ticks++;
}

#if defined(BSP_UART_CMSDK)

enum { DATA = 0x00, STATE = 0x04, CONTROL = 0x08, INTERRUPT = 0x0C, DIVIDER = 0x10 };

static void begin_uart(void)
{
    UART(DIVIDER) = BSP_CLOCK_HZ / BOARD_BAUD;
    UART(CONTROL) = 0x0Bu; /* send, receive, interrupt on receiving */
}

void bsp_uart(void)
{
    UART(INTERRUPT) = 2u;
    while ((UART(STATE) & 2u) != 0u) {
        bsp_received((uint8_t)UART(DATA));
    }
}

static void send(uint8_t byte)
{
    while ((UART(STATE) & 1u) != 0u) {
    }
    UART(DATA) = byte;
}

#else

enum {
    START_RECEIVE = 0x000, START_SEND = 0x008, RECEIVED = 0x108, SENT = 0x11C, INTERRUPT = 0x304,
    ENABLE = 0x500, RECEIVE_DATA = 0x518, SEND_DATA = 0x51C, BAUD = 0x524
};

static void begin_uart(void)
{
    UART(BAUD) = 0x01D7E000u; /* 115200 */
    UART(ENABLE) = 4u;
    UART(INTERRUPT) = 4u; /* on receiving */
    UART(START_RECEIVE) = 1u;
    UART(START_SEND) = 1u;
}

void bsp_uart(void)
{
    while (UART(RECEIVED) != 0u) {
        UART(RECEIVED) = 0u;
        bsp_received((uint8_t)UART(RECEIVE_DATA));
    }
}

static void send(uint8_t byte)
{
    UART(SENT) = 0u;
    UART(SEND_DATA) = byte;
    while (UART(SENT) == 0u) {
    }
}

#endif

void board_begin(void)
{
    SYSTICK_RELOAD = BSP_CLOCK_HZ / 1000u - 1u;
    SYSTICK_CONTROL = 7u; /* processor clock, interrupt, on */
    begin_uart();
    NVIC_ENABLE(BSP_UART_IRQ) = 1u << (BSP_UART_IRQ % 32u);
}

int board_read(void)
{
    int byte = bsp_take();
    if (byte < 0) {
        __asm__ volatile("wfi"); /* until a byte or the next millisecond */
    }
    return byte;
}

void board_write(const uint8_t *data, uint16_t size)
{
    while (size-- > 0u) {
        send(*data++);
    }
}

uint32_t board_cycles(void)
{
    return 0;
}

uint32_t board_cycles_hz(void)
{
    return 0; /* QEMU does not count cycles */
}

uint32_t board_millis(void)
{
    return ticks;
}

uint32_t board_free_ram(void)
{
    return bsp_free_ram();
}
