/* What the startup code of the 32-bit boards does before main(). */
#ifndef BSP_START_H
#define BSP_START_H

#include "bsp.h"

#define BSP_PAINT 0xA5A5A5A5u /* in RAM that nothing has used yet */

extern uint32_t bsp_data_load[];
extern uint32_t bsp_data_start[];
extern uint32_t bsp_data_end[];
extern uint32_t bsp_bss_start[];
extern uint32_t bsp_bss_end[];
extern uint8_t bsp_stack_high[];
extern void (*const bsp_constructors_start[])(void);
extern void (*const bsp_constructors_end[])(void);

int main(void);

static inline void bsp_start(void)
{
    const uint32_t *from = bsp_data_load;
    uint32_t *to;
    void (*const *constructor)(void);
    for (to = bsp_data_start; to != bsp_data_end; to++) {
        *to = *from++;
    }
    for (to = bsp_bss_start; to != bsp_bss_end; to++) {
        *to = 0u;
    }
    for (to = bsp_bss_end; to < (uint32_t *)__builtin_frame_address(0) - 32; to++) {
        *to = BSP_PAINT;
    }
    for (constructor = bsp_constructors_start; constructor != bsp_constructors_end; constructor++) {
        (*constructor)();
    }
    (void)main();
}

/* Bytes between the variables and the deepest place that the stack ever reached. */
static inline uint32_t bsp_free_ram(void)
{
    const volatile uint32_t *p = bsp_bss_end;
    while (*p == BSP_PAINT) { /* the stack's first word ends this */
        p++;
    }
    return (uint32_t)((uintptr_t)p - (uintptr_t)bsp_bss_end);
}

#endif
