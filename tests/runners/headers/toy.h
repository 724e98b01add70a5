/* A hand-written 4-3-2 int8 network that keeps the contract of generated headers. */
#ifndef TOY_H
#define TOY_H

#include <stdbool.h>
#include <stdint.h>

#define TOY_INPUT_SIZE 4
#define TOY_OUTPUT_SIZE 2
#define TOY_SCRATCH_SIZE 3
#define TOY_IDENTITY "0000000000000000000000000000000000000000000000000000000000000000"
typedef uint8_t toy_scratch_t;

#ifndef PYEXPORT_FLASH
#if defined(__AVR__)
#include <avr/pgmspace.h>
#define PYEXPORT_FLASH PROGMEM
#define PYEXPORT_READ_S8(p) ((int8_t)pgm_read_byte(p))
#define PYEXPORT_READ_S32(p) ((int32_t)pgm_read_dword(p))
#else
#define PYEXPORT_FLASH
#define PYEXPORT_READ_S8(p) (*(p))
#define PYEXPORT_READ_S32(p) (*(p))
#endif
#endif

#ifndef TOY_TRACE
#define TOY_TRACE(node, index, acc) ((void)0)
#endif

/* TABLES */
static const int8_t toy_hidden_weight[3 * 4] PYEXPORT_FLASH = {
    12, -7, 33, 101, -128, 64, 5, -19, 90, 127, -55, 3,
};
static const int32_t toy_hidden_bias[3] PYEXPORT_FLASH = {250, -1200, 77};
static const int8_t toy_output_weight[2 * 3] PYEXPORT_FLASH = {-64, 127, 31, 88, -5, -101};
static const int32_t toy_output_bias[2] PYEXPORT_FLASH = {-5000, 9000};

/* Returns acc * multiplier / 2^8, halves rounded up, limited to low..high. */
static inline int32_t toy_requantize(int32_t acc, int32_t multiplier, int32_t low, int32_t high)
{
    int32_t q = ((acc * multiplier) + 128) >> 8;
    if (q < low) {
        return low;
    }
    return q > high ? high : q;
}

static inline void toy_predict_scratch(const uint8_t in[TOY_INPUT_SIZE], int8_t out[TOY_OUTPUT_SIZE],
                                       toy_scratch_t scratch[TOY_SCRATCH_SIZE])
{
    uint_fast16_t row;
    uint_fast16_t column;
    for (row = 0; row < 3u; row++) {
        int32_t acc = PYEXPORT_READ_S32(&toy_hidden_bias[row]);
        for (column = 0; column < TOY_INPUT_SIZE; column++) {
            acc += (int32_t)PYEXPORT_READ_S8(&toy_hidden_weight[(row * 4u) + column]) * in[column];
        }
        TOY_TRACE(0, row, acc);
        scratch[row] = (uint8_t)toy_requantize(acc, 9, 0, 255);
    }
    for (row = 0; row < TOY_OUTPUT_SIZE; row++) {
        int32_t acc = PYEXPORT_READ_S32(&toy_output_bias[row]);
        for (column = 0; column < 3u; column++) {
            acc += (int32_t)PYEXPORT_READ_S8(&toy_output_weight[(row * 3u) + column]) * scratch[column];
        }
        TOY_TRACE(1, row, acc);
        out[row] = (int8_t)toy_requantize(acc, 2, -128, 127);
    }
    /* FAULT */
}

static inline void toy_predict(const uint8_t in[TOY_INPUT_SIZE], int8_t out[TOY_OUTPUT_SIZE])
{
    toy_scratch_t scratch[TOY_SCRATCH_SIZE];
    toy_predict_scratch(in, out, scratch);
}

static inline uint8_t toy_argmax(const int8_t out[TOY_OUTPUT_SIZE])
{
    uint8_t best = 0;
    uint8_t i;
    for (i = 1; i < TOY_OUTPUT_SIZE; i++) {
        if (out[i] > out[best]) {
            best = i;
        }
    }
    return best;
}

#ifdef TOY_SELFTEST
static inline bool toy_selftest(void)
{
    static const uint8_t vector[TOY_INPUT_SIZE] = {1, 2, 3, 4};
    int8_t out[TOY_OUTPUT_SIZE];
    toy_predict(vector, out);
    return (out[0] == -50) && (out[1] == 81);
}
#endif

#endif
