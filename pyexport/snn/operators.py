"""Custom operators pyexport::lif, encode, readout: what torch.export keeps as one node each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pyexport.operators.spiking import READOUTS
from pyexport.snn import coding, neuron

_LIF = (
    "(Tensor x, Tensor beta, Tensor threshold, Tensor? alpha, str reset, bool reset_delay, "
    "str compare, float v_reset, int refractory) -> (Tensor, Tensor)"
)
_ENCODE = "(Tensor x, str encoding, int steps, float low, float high, float threshold) -> Tensor"
_READOUT = "(Tensor spikes, Tensor membranes, str method) -> Tensor"


@torch.library.custom_op("pyexport::lif", mutates_args=(), schema=_LIF)
def lif(
    x: Tensor,
    beta: Tensor,
    threshold: Tensor,
    alpha: Tensor | None,
    reset: str,
    reset_delay: bool,
    compare: str,
    v_reset: float,
    refractory: int,
) -> tuple[Tensor, Tensor]:
    """Return spikes and membranes (batch, steps, n) of currents x in the same shape."""
    rule = neuron.Rule(reset, reset_delay, compare, v_reset, refractory)
    _check_currents(x, beta, threshold, alpha)
    found = neuron.steps(x, beta, threshold, alpha, rule)
    return torch.stack([s.spikes for s in found], 1), torch.stack([s.after for s in found], 1)


def _check_currents(x: Tensor, *parameters: Tensor | None) -> None:
    if x.dim() != 3 or x.shape[1] < 1:
        raise ValueError(f"lif: currents {tuple(x.shape)}; give (batch, steps, neurons)")
    for parameter in parameters:
        if parameter is not None and tuple(parameter.shape) not in ((), (1,), (x.shape[2],)):
            raise ValueError(
                f"lif: a parameter {tuple(parameter.shape)} for {x.shape[2]} neurons; give one "
                "number, or one a neuron"
            )


@lif.register_fake
def _(
    x: Tensor,
    beta: Tensor,
    threshold: Tensor,
    alpha: Tensor | None,
    reset: str,
    reset_delay: bool,
    compare: str,
    v_reset: float,
    refractory: int,
) -> tuple[Tensor, Tensor]:
    neuron.Rule(reset, reset_delay, compare, v_reset, refractory)
    _check_currents(x, beta, threshold, alpha)
    return torch.empty_like(x).contiguous(), torch.empty_like(x).contiguous()


def _keep_lif(ctx: Any, inputs: tuple[Any, ...], output: object) -> None:
    x, beta, threshold, alpha, *rest = inputs
    ctx.save_for_backward(x, beta, threshold, alpha)
    ctx.rule = neuron.Rule(*rest)


def _lif_back(ctx: Any, on_spikes: Tensor, on_membranes: Tensor) -> tuple[Tensor | None, ...]:
    x, beta, threshold, alpha = ctx.saved_tensors
    found = neuron.steps(x, beta, threshold, alpha, ctx.rule)
    back = neuron.gradients(on_spikes, on_membranes, found, beta, threshold, alpha, ctx.rule)
    return back.x, back.beta, back.threshold, back.alpha, None, None, None, None, None


lif.register_autograd(_lif_back, setup_context=_keep_lif)


@torch.library.custom_op("pyexport::encode", mutates_args=(), schema=_ENCODE)
def encode(
    x: Tensor, encoding: str, steps: int, low: float, high: float, threshold: float
) -> Tensor:
    """Return spikes (batch, steps, n) of values (batch, n); delta takes (batch, steps, n)."""
    _check_values(x, encoding, steps, low, high, threshold)
    return coding.encode(x, encoding, steps, low, high, threshold)


def _check_values(
    x: Tensor, encoding: str, steps: int, low: float, high: float, threshold: float
) -> None:
    coding.check_encoding(encoding, steps, low, high, threshold)
    rank, what = (3, "(batch, steps, n)") if encoding == "delta" else (2, "(batch, n)")
    if x.dim() != rank:
        raise ValueError(f"encode: {encoding} of {tuple(x.shape)}; give {what}")


@encode.register_fake
def _(x: Tensor, encoding: str, steps: int, low: float, high: float, threshold: float) -> Tensor:
    _check_values(x, encoding, steps, low, high, threshold)
    if encoding == "delta":
        return x.new_empty(x.shape[0], x.shape[1], 2 * x.shape[2])
    return x.new_empty(x.shape[0], steps, x.shape[1])


def _keep_encode(ctx: Any, inputs: tuple[Any, ...], output: object) -> None:
    x, *ctx.rest = inputs
    ctx.save_for_backward(x)


def _encode_back(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    (x,) = ctx.saved_tensors
    return coding.encode_gradient(gradient, x, *ctx.rest), None, None, None, None, None


encode.register_autograd(_encode_back, setup_context=_keep_encode)


@torch.library.custom_op("pyexport::readout", mutates_args=(), schema=_READOUT)
def readout(spikes: Tensor, membranes: Tensor, method: str) -> Tensor:
    """Return one score a neuron, (batch, n), of spikes and membranes (batch, steps, n)."""
    return coding.readout(spikes, membranes, method)


@readout.register_fake
def _(spikes: Tensor, membranes: Tensor, method: str) -> Tensor:
    if method not in READOUTS or spikes.dim() != 3:
        raise ValueError(
            f"readout: method {method!r} of spikes {tuple(spikes.shape)}; use one of "
            f"{', '.join(READOUTS)} of (batch, steps, n)"
        )
    return spikes.new_empty(spikes.shape[0], spikes.shape[2])


def _keep_readout(ctx: Any, inputs: tuple[Any, ...], output: object) -> None:
    spikes, membranes, ctx.method = inputs
    ctx.save_for_backward(spikes, membranes)


def _readout_back(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    spikes, membranes = ctx.saved_tensors
    return *coding.readout_gradient(gradient, spikes, membranes, ctx.method), None


readout.register_autograd(_readout_back, setup_context=_keep_readout)
