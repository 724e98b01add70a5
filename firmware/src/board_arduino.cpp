/*
 * board_arduino.cpp - boards with an Arduino core: the serial line of the core, the best cycle
 * counter of the chip, and how much RAM was never used.
 */
#if defined(ARDUINO)

#include "board.h"

#ifndef BOARD_NAME
#define BOARD_NAME "arduino"
#endif

/* ---- cycles -------------------------------------------------------------------------------- */

#if defined(__AVR__) && defined(TCCR1A) && defined(TIMSK1)

/* Timer 1 counts processor cycles; its overflows are counted here. */

namespace {

volatile uint16_t overflows = 0;

void begin_cycles()
{
    TCCR1A = 0;
    TCCR1B = _BV(CS10);
    TIMSK1 = _BV(TOIE1);
}

} // namespace

ISR(TIMER1_OVF_vect)
{
    overflows = static_cast<uint16_t>(overflows + 1u);
}

uint32_t board_cycles(void)
{
    const uint8_t flags = SREG;
    uint16_t low;
    uint16_t high;

    cli();
    low = TCNT1;
    high = overflows;
    if ((TIFR1 & _BV(TOV1)) != 0 && low < 0x8000u) {
        high = static_cast<uint16_t>(high + 1u); /* it overflowed before `low` was read */
    }
    SREG = flags;
    return static_cast<uint32_t>(high) << 16 | low;
}

uint32_t board_cycles_hz(void)
{
    return F_CPU;
}

#elif defined(ESP32) || defined(ESP8266)

namespace {

void begin_cycles() {}

} // namespace

uint32_t board_cycles(void)
{
    return ESP.getCycleCount();
}

uint32_t board_cycles_hz(void)
{
    return static_cast<uint32_t>(ESP.getCpuFreqMHz()) * 1000000u;
}

#elif defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_7EM__) || defined(__ARM_ARCH_8M_MAIN__)

/* The cycle counter of the core's debug unit; SystemCoreClock is CMSIS's. */
extern "C" uint32_t SystemCoreClock;

namespace {

volatile uint32_t *const demcr = reinterpret_cast<volatile uint32_t *>(0xE000EDFCu);
volatile uint32_t *const dwt_ctrl = reinterpret_cast<volatile uint32_t *>(0xE0001000u);
volatile uint32_t *const dwt_cyccnt = reinterpret_cast<volatile uint32_t *>(0xE0001004u);

void begin_cycles()
{
    *demcr = *demcr | 1u << 24; /* TRCENA */
    *dwt_cyccnt = 0;
    *dwt_ctrl = *dwt_ctrl | 1u; /* CYCCNTENA */
}

} // namespace

uint32_t board_cycles(void)
{
    return *dwt_cyccnt;
}

uint32_t board_cycles_hz(void)
{
    return SystemCoreClock;
}

#else /* no counter of cycles that every chip has: microseconds */

namespace {

void begin_cycles() {}

} // namespace

uint32_t board_cycles(void)
{
    return micros();
}

uint32_t board_cycles_hz(void)
{
    return 1000000u;
}

#endif

/* ---- free RAM ------------------------------------------------------------------------------ */

#if defined(__AVR__)

extern "C" uint8_t __heap_start;

namespace {

const uint8_t paint = 0xC5;

/* Fill what neither variables nor the stack use, so that it can be seen later what stayed free. */
void paint_ram()
{
    uint8_t *free_byte = &__heap_start;
    uint8_t *const stack = reinterpret_cast<uint8_t *>(SP) - 8;

    while (free_byte < stack) {
        *free_byte = paint;
        free_byte++;
    }
}

} // namespace

uint32_t board_free_ram(void)
{
    const uint8_t *free_byte = &__heap_start;

    while (*free_byte == paint) {
        free_byte++;
    }
    return static_cast<uint32_t>(free_byte - &__heap_start);
}

#else

namespace {

void paint_ram() {}

} // namespace

uint32_t board_free_ram(void)
{
#if defined(ESP32) || defined(ESP8266)
    return ESP.getFreeHeap();
#else
    return BOARD_RAM_UNKNOWN;
#endif
}

#endif

/* ---- serial line --------------------------------------------------------------------------- */

void board_begin(void)
{
    paint_ram();
    begin_cycles();
    Serial.begin(BOARD_BAUD);
}

int board_read(void)
{
    return Serial.read();
}

void board_write(const uint8_t *data, uint16_t size)
{
    Serial.write(data, size);
}

uint32_t board_millis(void)
{
    return millis();
}

const char *board_name(void)
{
    return BOARD_NAME;
}

#endif
