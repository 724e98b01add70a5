/*
 * The model on the chip itself: its own self-test, which compares tables and stored vectors, and
 * that a prediction keeps to its buffers.
 */
#include <string.h>

#include "model.h"
#include "pyx_test.h"

namespace {

const uint8_t guard = 0xA7;

struct {
    uint8_t before[4];
    model_input_t in[MODEL_INPUT_SIZE];
    uint8_t between[4];
    model_output_t out[MODEL_OUTPUT_SIZE];
    uint8_t after[4];
} memory;

/* The outputs after a reset, if there is a state. */
void predict(const model_input_t *in, model_output_t *out)
{
#if MODEL_STATE_BYTES
    static model_state_t state;

    model_reset(&state);
    model_step(&state, in, out);
#else
    model_predict(in, out);
#endif
}

/* Fill the input with zeros and ones, guards around it. */
void fill_input()
{
    size_t i;

    memset(&memory, guard, sizeof memory);
    for (i = 0; i < MODEL_INPUT_SIZE; i++) {
        memory.in[i] = static_cast<model_input_t>(i % 2);
    }
}

bool guards_are_whole()
{
    size_t i;

    for (i = 0; i < 4; i++) {
        if (memory.before[i] != guard || memory.between[i] != guard || memory.after[i] != guard) {
            return false;
        }
    }
    return true;
}

void tables_and_stored_vectors_are_right()
{
    CHECK(model_selftest());
}

void a_prediction_keeps_to_its_buffers()
{
    size_t i;
    bool unchanged = true;

    fill_input();
    predict(memory.in, memory.out);
    CHECK(guards_are_whole());
    for (i = 0; i < MODEL_INPUT_SIZE; i++) {
        unchanged = unchanged && memory.in[i] == static_cast<model_input_t>(i % 2);
    }
    CHECK(unchanged);
}

void the_same_input_gives_the_same_outputs()
{
    model_output_t first[MODEL_OUTPUT_SIZE];

    fill_input();
    predict(memory.in, memory.out);
    memcpy(first, memory.out, sizeof first);
    memset(memory.out, 0, sizeof memory.out);
    predict(memory.in, memory.out);
    CHECK(memcmp(first, memory.out, sizeof first) == 0);
}

#if MODEL_HAS_ARGMAX
void the_class_is_that_of_the_largest_output()
{
    size_t best;
    size_t i;

    fill_input();
    predict(memory.in, memory.out);
    best = model_argmax(memory.out);
    CHECK(best < MODEL_OUTPUT_SIZE);
    for (i = 0; i < MODEL_OUTPUT_SIZE; i++) {
        CHECK(memory.out[i] <= memory.out[best]);
    }
}
#endif

void run_tests()
{
    RUN(tables_and_stored_vectors_are_right);
    RUN(a_prediction_keeps_to_its_buffers);
    RUN(the_same_input_gives_the_same_outputs);
#if MODEL_HAS_ARGMAX
    RUN(the_class_is_that_of_the_largest_output);
#endif
}

} // namespace

PYX_TEST_MAIN(run_tests)
