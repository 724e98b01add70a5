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

#if __has_include("model/pyexport.h")
#include "model/pyexport.h"
#else
#include "example/pyexport.h"
#endif

#endif /* FIRMWARE_INCLUDE_MODEL_H */
