/* Runs a batch under ASan and UBSan. Every buffer is a heap block of its exact size, so that a
   single byte read or written outside of it is found.

   usage: host_sanitized COMMAND COUNT INPUT OUTPUT   (COMMAND: predict, trace, argmax, selftest)
   OUTPUT: all output vectors, all classes (16 bits each), all accumulators; or the classes; or one
   byte */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pyx_batch.h"
#include "pyx_header.h"

#ifdef PYX_STATE_BYTES /* a step has one argument more */
#define OF(state) (state),
#else
#define OF(state)
#endif

static void *block(size_t bytes)
{
    void *p = malloc(bytes);
    if (p == NULL) {
        fputs("error: out of memory\n", stderr);
        exit(2);
    }
    memset(p, 0xA5, bytes);
    return p;
}

static void transfer(FILE *file, void *data, size_t bytes, int writing)
{
    size_t done = writing ? fwrite(data, 1, bytes, file) : fread(data, 1, bytes, file);
    if (done != bytes) {
        fputs("error: cannot read the input or write the output\n", stderr);
        exit(2);
    }
}

static void check_unchanged(const pyx_input_t *in, const pyx_input_t *given, uint32_t row)
{
    if (memcmp(in, given, PYX_INPUT_SIZE * sizeof(pyx_input_t)) != 0) {
        fprintf(stderr, "error: predict changed its input (input %lu of the batch)\n", (unsigned long)row);
        exit(1);
    }
}

/* Predicts with the scratch on the stack and with the caller's; both must give the same bytes. */
static void predict_rows(FILE *input, FILE *output, uint32_t count)
{
    pyx_input_t *in = block(PYX_INPUT_SIZE * sizeof(pyx_input_t));
    pyx_output_t *out = block(PYX_OUTPUT_SIZE * sizeof(pyx_output_t));
    pyx_output_t *again = block(PYX_OUTPUT_SIZE * sizeof(pyx_output_t));
    pyx_scratch_t *scratch = block(PYX_SCRATCH_SIZE * sizeof(pyx_scratch_t));
    pyx_input_t *given = block(PYX_INPUT_SIZE * sizeof(pyx_input_t));
    uint16_t *classes = block(((size_t)count + 1u) * sizeof(uint16_t));
    uint32_t row;
#ifdef PYX_STATE_BYTES
    pyx_state_t *state = block(sizeof(pyx_state_t));
    pyx_state_t *other = block(sizeof(pyx_state_t));
#endif
    for (row = 0; row < count; row++) {
#ifdef PYX_STATE_BYTES
        if (row % PYX_STEPS == 0u) {
            PYX_RESET(state);
            PYX_RESET(other);
        }
#endif
        transfer(input, in, PYX_INPUT_SIZE * sizeof(pyx_input_t), 0);
        memcpy(given, in, PYX_INPUT_SIZE * sizeof(pyx_input_t));
        PYX_PREDICT(OF(state) in, out);
        check_unchanged(in, given, row);
        PYX_PREDICT_SCRATCH(OF(other) in, again, scratch);
        check_unchanged(in, given, row);
        if (memcmp(out, again, PYX_OUTPUT_SIZE * sizeof(pyx_output_t)) != 0) {
            fprintf(stderr, "error: predict and predict_scratch differ on input %lu\n", (unsigned long)row);
            exit(1);
        }
#ifdef PYX_ARGMAX
        classes[row] = PYX_ARGMAX(out);
#else
        classes[row] = 0;
#endif
        transfer(output, out, PYX_OUTPUT_SIZE * sizeof(pyx_output_t), 1);
    }
    transfer(output, classes, count * sizeof(uint16_t), 1);
    free(in);
    free(given);
    free(out);
    free(again);
    free(scratch);
    free(classes);
#ifdef PYX_STATE_BYTES
    free(state);
    free(other);
#endif
}

static uint32_t trace_rows(FILE *input, FILE *output, uint32_t count)
{
    size_t rows = (size_t)count + 1u; /* no block of 0 bytes */
    pyx_input_t *in = block(rows * PYX_INPUT_SIZE * sizeof(pyx_input_t));
    pyx_output_t *out = block(rows * PYX_OUTPUT_SIZE * sizeof(pyx_output_t));
    uint16_t *classes = block(rows * sizeof(uint16_t));
    pyx_acc_t *acc = block(rows * (PYX_TRACE_TOTAL + 1u) * sizeof(pyx_acc_t));
    uint8_t *seen = block(PYX_TRACE_TOTAL + 1u);
    uint32_t status;
    transfer(input, in, count * PYX_INPUT_SIZE * sizeof(pyx_input_t), 0);
    status = pyx_batch_predict(in, out, classes, acc, seen, count, 0u);
    transfer(output, out, count * PYX_OUTPUT_SIZE * sizeof(pyx_output_t), 1);
    transfer(output, classes, count * sizeof(uint16_t), 1);
    transfer(output, acc, count * (size_t)PYX_TRACE_TOTAL * sizeof(pyx_acc_t), 1);
    free(in);
    free(out);
    free(classes);
    free(acc);
    free(seen);
    return status;
}

#ifdef PYX_ARGMAX
static void argmax_rows(FILE *input, FILE *output, uint32_t count)
{
    pyx_output_t *out = block(PYX_OUTPUT_SIZE * sizeof(pyx_output_t));
    uint32_t row;
    for (row = 0; row < count; row++) {
        uint16_t found;
        transfer(input, out, PYX_OUTPUT_SIZE * sizeof(pyx_output_t), 0);
        found = PYX_ARGMAX(out);
        transfer(output, &found, sizeof found, 1);
    }
    free(out);
}
#endif

int main(int argc, char **argv)
{
    FILE *input = argc == 5 ? fopen(argv[3], "rb") : NULL;
    FILE *output = argc == 5 ? fopen(argv[4], "wb") : NULL;
    uint32_t count;
    uint32_t status = 0;
    if (input == NULL || output == NULL) {
        fputs("error: usage: host_sanitized COMMAND COUNT INPUT OUTPUT\n", stderr);
        return 2;
    }
    count = (uint32_t)strtoul(argv[2], NULL, 10);
    if (strcmp(argv[1], "predict") == 0) {
        predict_rows(input, output, count);
    } else if (strcmp(argv[1], "trace") == 0) {
        status = trace_rows(input, output, count);
    }
#ifdef PYX_ARGMAX
    if (strcmp(argv[1], "argmax") == 0) {
        argmax_rows(input, output, count);
    }
#endif
#ifdef PYX_SELFTEST
    if (strcmp(argv[1], "selftest") == 0) {
        uint8_t verdict = pyx_selftest();
        transfer(output, &verdict, 1, 1);
    }
#endif
    if (fclose(input) != 0 || fclose(output) != 0) {
        fputs("error: cannot write the output\n", stderr);
        return 2;
    }
    if (status != 0u) {
        fprintf(stderr, "status: %lu\n", (unsigned long)status);
    }
    return status == 0u ? 0 : 3;
}
