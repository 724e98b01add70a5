/* Serial line, clock and free RAM of an ATmega328P or ATmega2560 without Arduino's core. */
#include <avr/interrupt.h>
#include <avr/io.h>

#include "board.h"
#include "bsp.h"

static volatile uint32_t ticks;
static volatile uint16_t overflows;

ISR(TIMER0_COMPA_vect)
{
    ticks++;
}

ISR(TIMER1_OVF_vect)
{
    overflows++;
}

#if defined(USART_RX_vect)
ISR(USART_RX_vect)
#else
ISR(USART0_RX_vect)
#endif
{
    bsp_received(UDR0);
}

/* Runs before the variables are set up, when the stack is still empty. */
extern uint8_t __heap_start;
__attribute__((naked, used, section(".init3"))) void bsp_paint_ram(void);
void bsp_paint_ram(void)
{
    __asm__ volatile("    ldi r30, lo8(__heap_start)\n"
                     "    ldi r31, hi8(__heap_start)\n"
                     "    ldi r24, 0xA5\n"
                     "    ldi r25, hi8(%0)\n"
                     "1:  st Z+, r24\n"
                     "    cpi r30, lo8(%0)\n"
                     "    cpc r31, r25\n"
                     "    brne 1b\n"
                     : : "i"(RAMEND - 7));
}

void board_begin(void)
{
    TCCR0A = _BV(WGM01); /* timer 0: a millisecond */
    OCR0A = F_CPU / 64u / 1000u - 1u;
    TIMSK0 = _BV(OCIE0A);
    TCCR0B = _BV(CS01) | _BV(CS00);
    TCCR1A = 0; /* timer 1: the processor's cycles */
    TCCR1B = _BV(CS10);
    TIMSK1 = _BV(TOIE1);
    UCSR0A = _BV(U2X0); /* before the divider: simavr works out the rate when that is written */
    UBRR0 = (F_CPU / 4u / BOARD_BAUD - 1u) / 2u;
    UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
    UCSR0B = _BV(RXCIE0) | _BV(RXEN0) | _BV(TXEN0);
    sei();
}

int board_read(void)
{
    return bsp_take();
}

void board_write(const uint8_t *data, uint16_t size)
{
    while (size-- > 0u) {
        while ((UCSR0A & _BV(UDRE0)) == 0) {
        }
        UDR0 = *data++;
    }
}

uint32_t board_cycles(void)
{
    uint8_t flags = SREG;
    uint16_t high;
    uint16_t low;
    cli();
    low = TCNT1;
    high = overflows;
    if ((TIFR1 & _BV(TOV1)) != 0 && low < 0x8000u) {
        high++; /* it overflowed before `low` was read */
    }
    SREG = flags;
    return ((uint32_t)high << 16) | low;
}

uint32_t board_cycles_hz(void)
{
    return F_CPU;
}

uint32_t board_millis(void)
{
    uint8_t flags = SREG;
    uint32_t now;
    cli();
    now = ticks;
    SREG = flags;
    return now;
}

uint32_t board_free_ram(void)
{
    const uint8_t *p = &__heap_start;
    while (*p == 0xA5) { /* what the stack holds ends this */
        p++;
    }
    return (uint32_t)(p - &__heap_start);
}

/* The simulator ends when these two registers are written; a real chip only stops. */
void board_exit(int status)
{
    cli();
    GPIOR1 = (uint8_t)status;
    GPIOR2 = 0xE5;
    for (;;) {
    }
}
