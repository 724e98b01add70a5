"""Writes a spiking network as a NIR file, with our notes of what NIR itself cannot say."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from pyexport.errors import ToolMissingError, UnsupportedModelError
from pyexport.snn.modules import LIF, Encode, Readout

Array = npt.NDArray[Any]
NOTE = "pyexport_"  # before every name of ours in a node's metadata


def save_nir(net: nn.Sequential, path: str | Path, *, dt: float = 1e-4, steps: int = 0) -> None:
    """Write Encode, Linear, LIF, ... and Readout, a step of which takes dt seconds.

    steps: of a network without Encode, whose input is a sequence. Decay factors become time
    constants, dt / (1 - beta); reset, steps, encoding and readout are noted in the metadata of the
    graph and of the neurons, where `pyexport export` finds them.
    """
    try:
        import nir
    except ImportError:
        raise ToolMissingError(
            "nir is not installed; pip install 'pyexport[snn]' brings it"
        ) from None
    nodes: dict[str, Any] = {}
    notes: dict[str, Any] = {"dt": float(dt), "encoding": "steps", "steps": int(steps)}
    width = 0
    for name, module in net.named_children():
        if isinstance(module, Encode):
            delta = module.encoding == "delta"
            notes["encoding"] = f"delta:{module.threshold!r}" if delta else module.encoding
            notes |= {"steps": module.steps or steps, "low": module.low, "high": module.high}
        elif isinstance(module, Readout):
            notes["readout"] = module.method
        elif isinstance(module, nn.Linear):
            nodes[name], width = _linear(nir, module), module.out_features
        elif isinstance(module, LIF):
            nodes[name] = _neurons(nir, name, module, width, dt)
        elif not isinstance(module, nn.Dropout | nn.Identity):
            raise UnsupportedModelError(
                f"save_nir: {name} is a {type(module).__name__}; write Encode, Linear, LIF and "
                "Readout"
            )
    if not nodes or notes["steps"] < 1:
        raise UnsupportedModelError("save_nir: no layer, or no number of steps; give steps=...")
    inputs = next(m.in_features for m in net.children() if isinstance(m, nn.Linear))
    first = nir.Input(input_type={"input": np.array([inputs])})
    last = nir.Output(output_type={"output": np.array([width])})
    chain = ["input", *nodes, "output"]
    graph = nir.NIRGraph(
        nodes={"input": first, **nodes, "output": last},
        edges=list(itertools.pairwise(chain)),
        metadata={NOTE + key: value for key, value in notes.items()},
    )
    nir.write(str(path), graph)


def _linear(nir: Any, module: nn.Linear) -> Any:
    weight = _numbers(module.weight)
    if module.bias is None:
        return nir.Linear(weight=weight)
    return nir.Affine(weight=weight, bias=_numbers(module.bias))


def _neurons(nir: Any, name: str, module: LIF, n: int, dt: float) -> Any:
    rule = module.rule
    if rule.compare != "gt" or rule.refractory:
        raise UnsupportedModelError(
            f"save_nir: {name} fires at its threshold too, or waits after a spike; NIR has neither"
        )
    beta, threshold = (_for_each(v, n) for v in (module.beta, module.threshold))
    reset = rule.reset + ("-delayed" if rule.reset_delay and rule.reset != "none" else "")
    shared = {
        "v_leak": np.zeros(n),
        "v_threshold": threshold,
        "v_reset": np.full(n, rule.v_reset),
        "metadata": {f"{NOTE}reset": reset},
    }
    alpha = None if module.alpha is None else _for_each(module.alpha, n)
    if alpha is None and (beta == 1.0).all():
        return nir.IF(r=np.full(n, 1.0 / dt), **{k: v for k, v in shared.items() if k != "v_leak"})
    if (beta >= 1.0).any() or (alpha is not None and (alpha >= 1.0).any()):
        raise UnsupportedModelError(
            f"save_nir: {name} has a factor of 1 among others, an infinite time constant"
        )
    tau = dt / (1.0 - beta)
    if alpha is None:
        return nir.LIF(tau=tau, r=tau / dt, **shared)
    tau_syn = dt / (1.0 - alpha)
    return nir.CubaLIF(tau_mem=tau, tau_syn=tau_syn, r=tau / dt, w_in=tau_syn / dt, **shared)


def _numbers(value: Tensor) -> Array:
    return value.detach().cpu().numpy()


def _for_each(value: Tensor, n: int) -> Array:
    """Return one number for each neuron, as float64: time constants then lose nothing."""
    return np.broadcast_to(_numbers(value).astype(np.float64), (n,)).copy()
