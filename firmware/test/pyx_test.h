/*
 * pyx_test.h - tests that run on a board and report over its serial line.
 *
 *     #include "pyx_test.h"
 *     static void an_empty_frame_is_dropped(void) { CHECK(receive("") == 0); }
 *     static void run_tests(void) { RUN(an_empty_frame_is_dropped); }
 *     PYX_TEST_MAIN(run_tests)
 *
 * No printf and no heap, so that they fit an Uno. Included once in a program.
 */
#ifndef PYX_TEST_H
#define PYX_TEST_H

#include <stdint.h>

#include "board.h"

#if defined(__AVR__)
#include <avr/io.h>
#include <avr/pgmspace.h>
#define PYX_TEXT(text) PSTR(text)
#define PYX_LETTER(p) ((char)pgm_read_byte(p))
#else
#define PYX_TEXT(text) (text)
#define PYX_LETTER(p) (*(p))
#endif

static uint16_t pyx_failed_line; /* of the running test's first failed CHECK, 0: none */
static uint8_t pyx_failed;       /* 1 once a test failed */

static void pyx_print(const char *text)
{
    uint8_t letter;
    for (; (letter = (uint8_t)PYX_LETTER(text)) != 0; text++) {
        board_write(&letter, 1);
    }
}

static void pyx_print_number(uint16_t value)
{
    uint8_t digits[5];
    uint8_t first = 5;
    do {
        digits[--first] = (uint8_t)('0' + value % 10u);
        value = (uint16_t)(value / 10u);
    } while (value != 0);
    board_write(digits + first, (uint16_t)(5 - first));
}

static void pyx_check_failed(uint16_t line, const char *text)
{
    pyx_failed_line = line;
    pyx_failed = 1;
    pyx_print(PYX_TEXT("# line "));
    pyx_print_number(line);
    pyx_print(PYX_TEXT(": "));
    pyx_print(text);
    pyx_print(PYX_TEXT("\n"));
}

static void pyx_report(const char *name)
{
    if (pyx_failed_line == 0) {
        pyx_print(PYX_TEXT("PASS "));
        pyx_print(name);
    } else {
        pyx_print(PYX_TEXT("FAIL "));
        pyx_print(name);
        pyx_print(PYX_TEXT(" "));
        pyx_print_number(pyx_failed_line);
    }
    pyx_print(PYX_TEXT("\n"));
}

/* Reports the first condition of a test that does not hold; the test goes on. */
#define CHECK(condition) \
    do { \
        if (!(condition) && pyx_failed_line == 0) { \
            pyx_check_failed(__LINE__, PYX_TEXT(#condition)); \
        } \
    } while (0)

/* Runs a test function and reports it under its name. */
#define RUN(test) \
    do { \
        pyx_failed_line = 0; \
        test(); \
        pyx_report(PYX_TEXT(#test)); \
    } while (0)

/* An emulated board ends with status 1 if a test failed; a real one only stops. */
#if defined(ARDUINO_ARCH_AVR)
static void pyx_end(void)
{
    Serial.flush();
    GPIOR1 = pyx_failed; /* our simulator ends when these two are written */
    GPIOR2 = 0xE5;
}
#elif defined(ARDUINO)
static void pyx_end(void)
{
    Serial.flush();
}
#else
#ifdef __cplusplus
extern "C"
#endif
void board_exit(int status);
static void pyx_end(void)
{
    board_exit(pyx_failed);
}
#endif

/* The program: runs the function's tests once. */
#define PYX_TEST_MAIN(run_tests) \
    void setup(void) \
    { \
        board_begin(); \
        run_tests(); \
        pyx_print(PYX_TEXT("DONE\n")); \
        pyx_end(); \
    } \
    void loop(void) \
    { \
    }

#endif /* PYX_TEST_H */
