"""LSTM and GRU over whole sequences in float64, and gradients back through the steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyexport.ir import FloatArray, Gru, Lstm
from pyexport.reference.functions import sigmoid, tanh
from pyexport.reference.rule import Arrays, Rule, product


@dataclass(frozen=True, eq=False)
class _LstmStep:
    """What one step computed; every array is (n, hidden size)."""

    c_before: FloatArray
    i: FloatArray
    f: FloatArray
    g: FloatArray
    o: FloatArray
    c: FloatArray
    h: FloatArray


def _lstm_steps(op: Lstm, inputs: Arrays, fixed_order: bool) -> list[_LstmStep]:
    x, h, c = _same_batch(inputs)
    w, u = op.weight_input.astype(np.float64), op.weight_hidden.astype(np.float64)
    bias, none = op.bias.astype(np.float64), np.zeros(len(op.bias))
    steps = []
    for t in range(x.shape[1]):
        gates = product(x[:, t], w, bias, fixed_order) + product(h, u, none, fixed_order)
        a, b, g, d = np.split(gates, 4, axis=1)
        i, f, g, o = sigmoid(a), sigmoid(b), tanh(g), sigmoid(d)
        new = f * c + i * g
        h = o * tanh(new)
        steps.append(_LstmStep(c, i, f, g, o, new, h))
        c = new
    return steps


def _lstm(op: Lstm, inputs: Arrays, fixed_order: bool) -> Arrays:
    steps = _lstm_steps(op, inputs, fixed_order)
    return np.stack([step.h for step in steps], axis=1), steps[-1].h, steps[-1].c


def _lstm_back(op: Lstm, inputs: Arrays, _outputs: Arrays, gradients: Arrays) -> Arrays:
    steps = _lstm_steps(op, inputs, False)
    w, u = op.weight_input.astype(np.float64), op.weight_hidden.astype(np.float64)
    on_all, on_h, on_c = gradients
    on_x = np.zeros((len(on_all), *inputs[0].shape[1:]))
    for t in reversed(range(len(steps))):
        s = steps[t]
        on_h = on_h + on_all[:, t]
        curve = tanh(s.c)
        on_c = on_c + on_h * s.o * (1.0 - curve * curve)
        gates = np.concatenate(
            [
                on_c * s.g * s.i * (1.0 - s.i),
                on_c * s.c_before * s.f * (1.0 - s.f),
                on_c * s.i * (1.0 - s.g * s.g),
                on_h * curve * s.o * (1.0 - s.o),
            ],
            axis=1,
        )
        on_x[:, t] = gates @ w
        on_h, on_c = gates @ u, on_c * s.f
    return on_x, on_h, on_c


@dataclass(frozen=True, eq=False)
class _GruStep:
    """What one step computed; every array is (n, hidden size)."""

    h_before: FloatArray
    r: FloatArray
    z: FloatArray
    b: FloatArray  # the hidden side of the new value, before it is multiplied by r
    m: FloatArray
    h: FloatArray


def _gru_steps(op: Gru, inputs: Arrays, fixed_order: bool) -> list[_GruStep]:
    x, h = _same_batch(inputs)
    w, u = op.weight_input.astype(np.float64), op.weight_hidden.astype(np.float64)
    bias_w, bias_u = op.bias_input.astype(np.float64), op.bias_hidden.astype(np.float64)
    steps = []
    for t in range(x.shape[1]):
        ar, az, am = np.split(product(x[:, t], w, bias_w, fixed_order), 3, axis=1)
        br, bz, bm = np.split(product(h, u, bias_u, fixed_order), 3, axis=1)
        r, z = sigmoid(ar + br), sigmoid(az + bz)
        m = tanh(am + r * bm)
        new = (1.0 - z) * m + z * h
        steps.append(_GruStep(h, r, z, bm, m, new))
        h = new
    return steps


def _gru(op: Gru, inputs: Arrays, fixed_order: bool) -> Arrays:
    steps = _gru_steps(op, inputs, fixed_order)
    return np.stack([step.h for step in steps], axis=1), steps[-1].h


def _gru_back(op: Gru, inputs: Arrays, _outputs: Arrays, gradients: Arrays) -> Arrays:
    steps = _gru_steps(op, inputs, False)
    w, u = op.weight_input.astype(np.float64), op.weight_hidden.astype(np.float64)
    on_all, on_h = gradients
    on_x = np.zeros((len(on_all), *inputs[0].shape[1:]))
    for t in reversed(range(len(steps))):
        s = steps[t]
        on_h = on_h + on_all[:, t]
        on_m = on_h * (1.0 - s.z) * (1.0 - s.m * s.m)
        on_r = on_m * s.b * s.r * (1.0 - s.r)
        on_z = on_h * (s.h_before - s.m) * s.z * (1.0 - s.z)
        on_x[:, t] = np.concatenate([on_r, on_z, on_m], axis=1) @ w
        on_h = on_h * s.z + np.concatenate([on_r, on_z, on_m * s.r], axis=1) @ u
    return on_x, on_h


def _same_batch(inputs: Arrays) -> list[FloatArray]:
    """Return the inputs with as many rows as the largest: a constant state has one."""
    rows = max(len(x) for x in inputs)
    return [np.broadcast_to(x, (rows, *x.shape[1:])) for x in inputs]


RULES = {Lstm: Rule(_lstm, _lstm_back), Gru: Rule(_gru, _gru_back)}
