/* QEMU's RISC-V board virt: reset code, serial line (16550), clock (CLINT) and interrupts. */
#include "board.h"
#include "start.h"

#define BYTE(address) (*(volatile uint8_t *)(uintptr_t)(address))
#define WORD(address) (*(volatile uint32_t *)(uintptr_t)(address))

#define UART_DATA BYTE(0x10000000u)
#define UART_INTERRUPT BYTE(0x10000001u)
#define UART_FIFO BYTE(0x10000002u)
#define UART_STATUS BYTE(0x10000005u)
#define CLINT_COMPARE_LOW WORD(0x02004000u)
#define CLINT_COMPARE_HIGH WORD(0x02004004u)
#define CLINT_TIME_LOW WORD(0x0200BFF8u)
#define CLINT_TIME_HIGH WORD(0x0200BFFCu)
#define PLIC_PRIORITY(source) WORD(0x0C000000u + 4u * (source))
#define PLIC_ENABLE WORD(0x0C002000u)
#define PLIC_THRESHOLD WORD(0x0C200000u)
#define PLIC_CLAIM WORD(0x0C200004u)

enum { UART_SOURCE = 10, TICKS_PER_MS = 10000 };

void bsp_reset(void);
void bsp_trap(void);

__asm__(".section .vectors,\"ax\",@progbits\n"
        ".globl bsp_entry\n"
        "bsp_entry:\n"
        "    la sp, bsp_stack_high\n"
        "    la t0, bsp_trap\n"
        "    csrw mtvec, t0\n"
        "    j bsp_reset\n"
        ".text\n");

void bsp_reset(void)
{
    bsp_start();
}

/* Interrupts are never taken, only waited for: whatever comes here is a fault. */
__attribute__((aligned(4))) void bsp_trap(void)
{
    board_exit(70);
}

/* SYS_EXIT_EXTENDED of semihosting; QEMU knows it by the three instructions. */
void board_exit(int status)
{
    volatile uint32_t arguments[2] = {0x20026u, (uint32_t)status};
    register uint32_t operation __asm__("a0") = 0x20u;
    register volatile uint32_t *parameter __asm__("a1") = arguments;
    for (;;) {
        __asm__ volatile(".balign 16\n"
                         ".option push\n"
                         ".option norvc\n"
                         "slli x0, x0, 0x1f\n"
                         "ebreak\n"
                         "srai x0, x0, 7\n"
                         ".option pop\n"
                         : : "r"(operation), "r"(parameter) : "memory");
    }
}

static uint64_t now(void)
{
    uint32_t high;
    uint32_t low;
    do {
        high = CLINT_TIME_HIGH;
        low = CLINT_TIME_LOW;
    } while (high != CLINT_TIME_HIGH);
    return ((uint64_t)high << 32) | low;
}

static void wait_a_millisecond(void)
{
    uint64_t until = now() + TICKS_PER_MS;
    CLINT_COMPARE_HIGH = UINT32_MAX; /* so that no half-written value is reached */
    CLINT_COMPARE_LOW = (uint32_t)until;
    CLINT_COMPARE_HIGH = (uint32_t)(until >> 32);
    __asm__ volatile("wfi");
}

void board_begin(void)
{
    PLIC_PRIORITY(UART_SOURCE) = 1u;
    PLIC_ENABLE = 1u << UART_SOURCE;
    PLIC_THRESHOLD = 0u;
    UART_FIFO = 1u;
    UART_INTERRUPT = 1u;
    __asm__ volatile("csrs mie, %0" : : "r"(1u << 11 | 1u << 7)); /* wfi ends on both */
}

int board_read(void)
{
    if ((UART_STATUS & 1u) == 0u) {
        uint32_t claimed = PLIC_CLAIM;
        if (claimed != 0u) {
            PLIC_CLAIM = claimed;
        }
        wait_a_millisecond();
    }
    return (UART_STATUS & 1u) != 0u ? UART_DATA : -1;
}

void board_write(const uint8_t *data, uint16_t size)
{
    while (size-- > 0u) {
        while ((UART_STATUS & 0x20u) == 0u) {
        }
        UART_DATA = *data++;
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
    return (uint32_t)(now() / TICKS_PER_MS);
}

uint32_t board_free_ram(void)
{
    return bsp_free_ram();
}
