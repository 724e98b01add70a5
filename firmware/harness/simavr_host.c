/* Runs an AVR firmware image in libsimavr, once for each row of a job, and writes what came out.

   usage: simavr_host KEY=VALUE...   (numbers in C notation; addresses are byte addresses)
     flash input output             files: program memory, rows to write, results
     mcu count command limit        chip, rows, command byte, cycles after which a row counts as hanging
     every other                    rows from one to the next with another command byte, 0 for none; it
     write write_bytes              where each input row goes in RAM
     read read_bytes                what is read back after each row
     mailbox record                 addresses of pyx_mailbox and pyx_record, 0 without
     gpior0                         I/O register whose write says that a trace record is ready
     predict stop                   addresses of pyx_predict and pyx_stop in flash
     stack_low                      first RAM byte behind all variables
     trace                          records of one row, then first=N,N,... for the nodes

   results, row after row: read_bytes of RAM, then as 32-bit little-endian words: result of the
   mailbox, cycles and stack bytes of pyx_predict, and the trace records.
   exit status: 0 done, 1 the job is wrong, 3 the firmware did something forbidden, 4 it hangs */
#include <simavr/sim_avr.h>
#include <simavr/sim_io.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_JOB = 1, EXIT_FAULT = 3, EXIT_HANG = 4 };
enum { PAINT = 0xA5, SETTLED = 4, SPL = 0x5D, SPH = 0x5E, RETURN_ADDRESS = 2 };

static int argument_count;
static char **arguments;
static char fault[256];

static const char *text(const char *key)
{
    size_t n = strlen(key);
    int i;
    for (i = 1; i < argument_count; i++) {
        if (strncmp(arguments[i], key, n) == 0 && arguments[i][n] == '=') {
            return arguments[i] + n + 1;
        }
    }
    fprintf(stderr, "error: no %s= given\n", key);
    exit(EXIT_JOB);
}

static uint32_t number(const char *key)
{
    return (uint32_t)strtoul(text(key), NULL, 0);
}

static uint8_t *load(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data;
    long size;
    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0) {
        fprintf(stderr, "error: cannot read %s\n", path);
        exit(EXIT_JOB);
    }
    rewind(file);
    data = malloc((size_t)size + 1u);
    if (data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size) {
        fprintf(stderr, "error: cannot read %s\n", path);
        exit(EXIT_JOB);
    }
    fclose(file);
    *bytes = (size_t)size;
    return data;
}

/* simavr reports bad opcodes and addresses as log messages only, and some of them do not stop it */
static void on_message(struct avr_t *avr, const int level, const char *format, va_list values)
{
    (void)avr;
    if (level <= LOG_ERROR && fault[0] == '\0') {
        vsnprintf(fault, sizeof fault, format, values);
        fault[strcspn(fault, "\r\n")] = '\0';
    }
}

typedef struct {
    uint32_t record; /* address of pyx_record */
    uint32_t total;
    uint32_t nodes;
    uint32_t first[256];
    uint8_t *seen;
    uint8_t *words; /* 4 bytes a record */
    uint32_t taken;
} trace_t;

static uint32_t word(const uint8_t *p)
{
    return (uint32_t)p[0] | ((uint32_t)p[1] << 8) | ((uint32_t)p[2] << 16) | ((uint32_t)p[3] << 24);
}

static void on_record(struct avr_t *avr, avr_io_addr_t address, uint8_t value, void *parameter)
{
    trace_t *trace = parameter;
    const uint8_t *record = avr->data + trace->record;
    uint32_t node = word(record);
    uint32_t index = word(record + 4);
    uint32_t at;
    avr->data[address] = value;
    if (node >= trace->nodes || index >= trace->first[node + 1] - trace->first[node]) {
        snprintf(fault, sizeof fault, "trace record of node %u, index %u, which the model does not have", node, index);
        return;
    }
    at = trace->first[node] + index;
    if (trace->seen[at]) {
        snprintf(fault, sizeof fault, "accumulator %u of node %u came twice in the trace", index, node);
    }
    trace->seen[at] = 1;
    trace->taken++;
    memcpy(trace->words + 4u * at, record + 8, 4);
}

static void read_trace(trace_t *trace)
{
    char *p = (char *)(uintptr_t)text("first");
    trace->record = number("record");
    trace->total = number("trace");
    trace->seen = calloc(trace->total + 1u, 1);
    trace->words = calloc(trace->total + 1u, 4);
    if (trace->seen == NULL || trace->words == NULL) {
        exit(EXIT_JOB);
    }
    trace->nodes = 0;
    while (trace->nodes < 255 && *p != '\0') {
        trace->first[trace->nodes++] = (uint32_t)strtoul(p, &p, 0);
        p += *p == ',' ? 1 : 0;
    }
    trace->nodes -= trace->nodes > 0 ? 1u : 0u; /* the last number is the end of the last node */
}

static uint32_t stack_pointer(const avr_t *avr)
{
    return (uint32_t)avr->data[SPL] | ((uint32_t)avr->data[SPH] << 8);
}

typedef struct {
    uint32_t cycles;
    uint32_t stack;
} cost_t;

/* Runs one row to the stop. The stack pointer counts once it has rested for a few instructions,
   because compilers write its two halves one after the other. */
static cost_t run_row(avr_t *avr, uint32_t predict, uint32_t stop, uint32_t stack_low, uint64_t limit)
{
    cost_t cost = {0, 0};
    avr_cycle_count_t started = avr->cycle, entered = 0;
    uint32_t back = 0, caller = 0, lowest = 0, last = 0;
    int rested = 0, inside = 0;
    while (avr->pc != stop) {
        uint32_t sp;
        int state = avr_run(avr);
        sp = stack_pointer(avr);
        rested = sp == last ? rested + 1 : 0;
        last = sp;
        if (avr->pc == predict && !inside) {
            inside = 1;
            entered = avr->cycle;
            back = 2u * (((uint32_t)avr->data[sp + 1] << 8) | avr->data[sp + 2]);
            caller = sp + RETURN_ADDRESS;
            lowest = sp;
            memset(avr->data + stack_low, PAINT, sp + 1u - stack_low);
        } else if (inside && avr->pc == back) {
            uint32_t painted = stack_low;
            inside = 0;
            cost.cycles = (uint32_t)(avr->cycle - entered);
            while (painted <= lowest && avr->data[painted] == PAINT) {
                painted++;
            }
            lowest = painted - 1u < lowest ? painted - 1u : lowest;
            cost.stack = caller - lowest;
        } else if (inside && rested >= SETTLED && sp < lowest) {
            lowest = sp;
        }
        if (inside && lowest < stack_low && fault[0] == '\0') {
            snprintf(fault, sizeof fault, "stack overflow: the stack grew into the variables");
        }
        if (cost.cycles && avr->data[stack_low] != PAINT && fault[0] == '\0') {
            snprintf(fault, sizeof fault, "stack overflow: the stack reached the variables");
        }
        if (fault[0] != '\0' || state == cpu_Crashed || state == cpu_Done || avr->state == cpu_Sleeping) {
            fprintf(stderr, "error: %s, pc 0x%04x\n", fault[0] ? fault : "the core stopped", (unsigned)avr->pc);
            exit(EXIT_FAULT);
        }
        if (avr->cycle - started > limit) {
            fprintf(stderr, "error: no result after %llu cycles, pc 0x%04x\n", (unsigned long long)limit,
                    (unsigned)avr->pc);
            exit(EXIT_HANG);
        }
    }
    return cost;
}

static void put(FILE *file, uint32_t value)
{
    uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
    fwrite(bytes, 1, sizeof bytes, file);
}

int main(int argc, char **argv)
{
    size_t flash_bytes, input_bytes;
    uint8_t *flash, *input;
    uint32_t row, count, every, to, to_bytes, from, from_bytes, mailbox, predict, stop, stack_low;
    avr_cycle_count_t limit;
    trace_t trace;
    avr_t *avr;
    FILE *output;
    argument_count = argc;
    arguments = argv;
    avr_global_logger_set(on_message);
    flash = load(text("flash"), &flash_bytes);
    input = load(text("input"), &input_bytes);
    count = number("count");
    every = number("every");
    to = number("write");
    to_bytes = number("write_bytes");
    from = number("read");
    from_bytes = number("read_bytes");
    mailbox = number("mailbox");
    predict = number("predict");
    stop = number("stop");
    stack_low = number("stack_low");
    limit = (avr_cycle_count_t)number("limit");
    memset(&trace, 0, sizeof trace);
    read_trace(&trace);
    avr = avr_make_mcu_by_name(text("mcu"));
    output = fopen(text("output"), "wb");
    if (avr == NULL || output == NULL || input_bytes != (size_t)count * to_bytes) {
        fprintf(stderr, "error: unknown chip, output file, or size of the input\n");
        return EXIT_JOB;
    }
    avr_init(avr);
    avr->frequency = 16000000;
    avr->log = LOG_ERROR;
    avr->run_cycle_limit = 1; /* one instruction a call of avr_run */
    if (flash_bytes > avr->flashend + 1u) {
        fprintf(stderr, "error: the image of %zu bytes does not fit the flash\n", flash_bytes);
        return EXIT_JOB;
    }
    avr_loadcode(avr, flash, (uint32_t)flash_bytes, 0);
    avr->codeend = avr->flashend;
    if (trace.record != 0) {
        avr_register_io_write(avr, (avr_io_addr_t)number("gpior0"), on_record, &trace);
    }
    for (row = 0; row < count; row++) {
        cost_t cost;
        uint32_t i;
        avr_reset(avr);
        trace.taken = 0;
        memset(trace.seen, 0, trace.total + 1u);
        memcpy(avr->data + to, input + (size_t)row * to_bytes, to_bytes);
        if (mailbox != 0) {
            avr->data[mailbox] = (uint8_t)number(every != 0 && row % every == 0 ? "other" : "command");
        }
        cost = run_row(avr, predict, stop, stack_low, limit);
        if (mailbox != 0 && avr->data[mailbox + 1] != 0) {
            fprintf(stderr, "error: status %u of input %u\n", avr->data[mailbox + 1], row);
            return EXIT_FAULT;
        }
        if (memcmp(avr->data + to, input + (size_t)row * to_bytes, to_bytes) != 0) {
            fprintf(stderr, "error: what the firmware was given was overwritten, input %u\n", row);
            return EXIT_FAULT;
        }
        if (trace.record != 0 && trace.taken != trace.total) {
            fprintf(stderr, "error: %u of %u accumulators in the trace of input %u\n", trace.taken, trace.total, row);
            return EXIT_FAULT;
        }
        fwrite(avr->data + from, 1, from_bytes, output);
        put(output, mailbox != 0 ? avr->data[mailbox + 2] | ((uint32_t)avr->data[mailbox + 3] << 8) : 0u);
        put(output, cost.cycles);
        put(output, cost.stack);
        for (i = 0; i < trace.total; i++) {
            put(output, word(trace.words + 4u * i));
        }
    }
    if (fclose(output) != 0) {
        fprintf(stderr, "error: cannot write the results\n");
        return EXIT_JOB;
    }
    return 0;
}
