/* Vector table, reset and faults of an emulated Cortex-M. */
#include "start.h"

void bsp_reset(void);
void bsp_fault(void);
void bsp_tick(void);
void bsp_uart(void);

void bsp_reset(void)
{
    bsp_start();
}

void bsp_fault(void)
{
    board_exit(70);
}

/* SYS_EXIT_EXTENDED of Arm's semihosting, which QEMU answers by ending with this status. */
void board_exit(int status)
{
    volatile uint32_t arguments[2] = {0x20026u, (uint32_t)status};
    register uint32_t operation __asm__("r0") = 0x20u;
    register volatile uint32_t *parameter __asm__("r1") = arguments;
    for (;;) {
        __asm__ volatile("bkpt 0xAB" : : "r"(operation), "r"(parameter) : "memory");
    }
}

typedef union {
    uint8_t *stack;
    void (*handler)(void);
} vector_t;

__attribute__((section(".vectors"), used)) const vector_t bsp_vectors[16 + BSP_UART_IRQ + 1] = {
    [0] = {.stack = bsp_stack_high},
    [1] = {.handler = bsp_reset},
    [2] = {.handler = bsp_fault},
    [3] = {.handler = bsp_fault},
    [4] = {.handler = bsp_fault},
    [5] = {.handler = bsp_fault},
    [6] = {.handler = bsp_fault},
    [15] = {.handler = bsp_tick},
    [16 + BSP_UART_IRQ] = {.handler = bsp_uart},
};
