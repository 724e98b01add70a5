/* Vector table and reset code of a Cortex-M: copies .data, clears .bss, calls main. */
#include <stdint.h>

extern uint32_t pyx_stack_high[];
extern uint32_t pyx_data_load[];
extern uint32_t pyx_data_start[];
extern uint32_t pyx_data_end[];
extern uint32_t pyx_bss_start[];
extern uint32_t pyx_bss_end[];

int main(void);
void pyx_reset(void);
void pyx_fault(void);

void pyx_reset(void)
{
    const uint32_t *from = pyx_data_load;
    uint32_t *to;
    for (to = pyx_data_start; to != pyx_data_end; to++) {
        *to = *from++;
    }
    for (to = pyx_bss_start; to != pyx_bss_end; to++) {
        *to = 0u;
    }
    (void)main();
    for (;;) {
    }
}

void pyx_fault(void)
{
    for (;;) {
    }
}

typedef union {
    uint32_t *stack;
    void (*handler)(void);
} vector_t;

__attribute__((section(".vectors"), used)) const vector_t pyx_vectors[16] = {
    {.stack = pyx_stack_high}, {.handler = pyx_reset}, {.handler = pyx_fault}, {.handler = pyx_fault},
};
