"""A digits-shaped network whose layers saturate on both sides: no bug of arithmetic hides in it."""

from __future__ import annotations

import math

import numpy as np

from pyexport.ir import Clamp, Linear, Model
from tests.networks import chain


def saturating_model(*, evaluation: object = None) -> Model:
    """Return a 64-32-16-10 network calibrated on dim images only.

    Its weights are all of about one size, so that bright inputs pass every range that the dim ones
    showed and the sums of the first layer pass 16 bits. Calibration rows reach 8 of 16.
    """
    random = np.random.default_rng(1)
    dim = np.floor(random.uniform(0, 8, size=(60, 64)))
    ops = [
        _layer(64, 32, 1), Clamp(0.0, math.inf),
        _layer(32, 16, 2), Clamp(0.0, math.inf),
        _layer(16, 10, 3),
    ]  # fmt: skip
    return chain(64, ops, calibration=dim, evaluation=evaluation)


def _layer(n_in: int, n_out: int, seed: int) -> Linear:
    random = np.random.default_rng(seed)
    sign = np.sign(random.normal(size=(n_out, n_in)))
    weight = sign * random.uniform(0.5, 1.0, size=(n_out, n_in)) / math.sqrt(n_in)
    bias = 0.1 * random.normal(size=n_out)
    return Linear(weight.astype(np.float32), bias.astype(np.float32))
