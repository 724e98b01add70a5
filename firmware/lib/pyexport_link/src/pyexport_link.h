/*
 * Answers requests about a model over a serial line: docs/link.md says what every byte means.
 *
 * C99 and C++11, no heap, no libc. All memory is the caller's: one buffer for the frame that comes
 * in and the one that goes out, and one for the outputs of the last prediction.
 */
#ifndef PYEXPORT_LINK_H
#define PYEXPORT_LINK_H

#include "pyx_flash.h"
#include "pyx_frame.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PYX_PROTOCOL 2
#define PYX_TIMEOUT_MS 200 /* a frame whose next byte is that late is given up */
#define PYX_IDENTITY_BYTES 32

/* Requests. An answer has PYX_ANSWER set. */
#define PYX_IDENTIFY 0x01u
#define PYX_PREDICT 0x02u
#define PYX_ARGMAX 0x03u
#define PYX_SELFTEST 0x04u
#define PYX_RESET 0x05u
#define PYX_ANSWER 0x80u

/* First byte of an answer's body. */
#define PYX_OK 0u
#define PYX_UNKNOWN_TYPE 1u
#define PYX_WRONG_LENGTH 2u
#define PYX_WRONG_VERSION 3u

#define PYX_NO_CLASS 0xFFFFu   /* the model has no argmax */
#define PYX_UNKNOWN UINT32_MAX /* free RAM that a board cannot tell */

/* Bytes of frames: head = version, type, sequence; an answer has status and tag besides. */
#define PYX_HEAD_BYTES 4
#define PYX_ANSWER_BYTES (PYX_HEAD_BYTES + 1 + 4)
#define PYX_PREDICT_BYTES 6   /* behind the outputs: class and cycles */
#define PYX_STEP_BYTES 4      /* behind these, of a model with a state: its steps since the reset */
#define PYX_IDENTIFY_BYTES 72 /* without the four texts: each a length and its characters */
#define PYX_TEXT_BYTES 32     /* more than that of a board's name is cut off */

#define PYX_LARGER(a, b) ((a) > (b) ? (a) : (b))

/* Size of the buffer for a model; names: characters of name, profile and exporter together. */
#define PYX_BUFFER_BYTES(input_bytes, output_bytes, names) \
    (PYX_CRC_BYTES + \
        PYX_LARGER( \
            PYX_LARGER(PYX_HEAD_BYTES + (input_bytes), \
                PYX_ANSWER_BYTES + PYX_PREDICT_BYTES + PYX_STEP_BYTES + (output_bytes)), \
            PYX_ANSWER_BYTES + PYX_IDENTIFY_BYTES + 4 + PYX_TEXT_BYTES + (names)))

/* What is asked about. Texts and identity lie in flash (PYX_FLASH). */
typedef struct {
    const char *name;
    const char *profile;
    const char *exporter;    /* version of pyexport */
    const uint8_t *identity; /* PYX_IDENTITY_BYTES */
    uint32_t input_size;     /* values */
    uint32_t output_size;
    uint8_t input_dtype; /* 1 u8, 2 s8, 3 f32, 4 u16, 5 s16 */
    uint8_t output_dtype;
    void (*predict)(const void *in, void *out); /* with a state: one step */
    uint16_t (*argmax)(const void *out); /* null: none */
    bool (*selftest)(void);              /* leaves the state as it is */
    uint32_t state_bytes;                /* kept from step to step; 0: none */
    void (*reset)(void);                 /* before the first step of a sequence; null: no state */
} pyx_model_t;

/* What it runs on. */
typedef struct {
    pyx_write_t write;
    uint32_t (*cycles)(void);    /* free-running, wraps */
    uint32_t (*cycles_hz)(void); /* 0: it does not count */
    uint32_t (*free_ram)(void);  /* or PYX_UNKNOWN */
    const char *(*name)(void);   /* in RAM */
} pyx_board_t;

typedef struct {
    const pyx_model_t *model;
    const pyx_board_t *board;
    pyx_receiver_t receiver;
    uint8_t *outputs;     /* of the last prediction */
    uint32_t seed;        /* CRC-32C of the identity, that every tag starts from */
    uint32_t last_tag;    /* of the request that `outputs` answers */
    uint16_t last_number; /* its sequence number */
    uint32_t last_cycles; /* that it took */
    uint32_t steps;       /* computed since the reset, of a model with a state */
    uint32_t heard_at;    /* ms */
    uint32_t requests;    /* whole frames received */
    uint32_t dropped;     /* others */
    uint32_t repeats;     /* predictions asked again and answered from `outputs` */
    bool predicted;       /* outputs and all that is called last hold */
    bool selftest;
} pyx_device_t;

/*
 * Reset, run the self-test, and say so in one line of text, which is no frame. buffer has size bytes
 * (PYX_BUFFER_BYTES) and outputs those of the model's output; both aligned as its values need.
 */
void pyx_device_begin(pyx_device_t *device, const pyx_model_t *model, const pyx_board_t *board,
    uint8_t *buffer, size_t size, uint8_t *outputs);

/* Take a byte that came at now_ms; answers when it ends a request. */
void pyx_device_receive(pyx_device_t *device, uint8_t byte, uint32_t now_ms);

#ifdef __cplusplus
}
#endif

#endif
