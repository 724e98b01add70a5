/* Reset code of an RV32 core: sets the stack pointer, copies .data, clears .bss, calls main. */
#include <stdint.h>

extern uint32_t pyx_data_load[];
extern uint32_t pyx_data_start[];
extern uint32_t pyx_data_end[];
extern uint32_t pyx_bss_start[];
extern uint32_t pyx_bss_end[];

int main(void);
void pyx_initialize(void);

__asm__(".section .vectors,\"ax\",@progbits\n"
        ".globl pyx_reset\n"
        "pyx_reset:\n"
        "    la sp, pyx_stack_high\n"
        "    call pyx_initialize\n"
        "    call main\n"
        "1:  j 1b\n"
        ".text\n");

void pyx_initialize(void)
{
    const uint32_t *from = pyx_data_load;
    uint32_t *to;
    for (to = pyx_data_start; to != pyx_data_end; to++) {
        *to = *from++;
    }
    for (to = pyx_bss_start; to != pyx_bss_end; to++) {
        *to = 0u;
    }
}
