/*
 * model.h - the model that this firmware runs.
 *
 * model/ holds what `pyexport export MODEL --firmware .` puts there; delete that folder to get
 * back to example/, which reads the digits of an 8x8 picture. Both hold pyexport.h, whose names
 * (MODEL_INPUT_SIZE, model_predict, ...) are the same for every model.
 *
 * Include it from one source file only: the tables of the model are static.
 */
#ifndef FIRMWARE_INCLUDE_MODEL_H
#define FIRMWARE_INCLUDE_MODEL_H

#if defined(ESP8266) && !defined(PYEXPORT_FLASH) /* constants lie in RAM there, unless asked not to */
#include <pgmspace.h>
#define PYEXPORT_FLASH PROGMEM
#define PYEXPORT_READ_U8(p) ((uint8_t)pgm_read_byte(p))
#define PYEXPORT_READ_S8(p) ((int8_t)pgm_read_byte(p))
#define PYEXPORT_READ_U16(p) ((uint16_t)pgm_read_word(p))
#define PYEXPORT_READ_S32(p) ((int32_t)pgm_read_dword(p))
#define PYEXPORT_READ_F32(p) ((float)pgm_read_float(p))
#endif

#if __has_include("model/pyexport.h")
#include "model/pyexport.h"
#else
#include "example/pyexport.h"
#endif

#endif /* FIRMWARE_INCLUDE_MODEL_H */
