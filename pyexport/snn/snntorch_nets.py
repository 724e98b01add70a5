"""Turns a network of snnTorch layers into the same network of exportable ones."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pyexport.errors import UnsupportedModelError, UnsupportedOperatorError, UsageError
from pyexport.snn.modules import LIF, Encode, Readout

NEURONS = ("Leaky", "Synaptic")
_DROPPED = (nn.Dropout, nn.Identity)  # nothing in evaluation mode


def from_snntorch(
    net: nn.Module,
    *,
    steps: int | None,
    encoding: str | None,
    readout: str,
    low: float = 0.0,
    high: float = 1.0,
    threshold: float = 0.0,
    layers: Sequence[str] = (),
    example: Tensor | None = None,
) -> nn.Sequential:
    """Return the network with LIF layers, one node each; copies, so that `net` stays as it is.

    net: an nn.Sequential of Linear and Leaky or Synaptic layers; of any other module name the
    `layers` in the order in which one step of its forward() calls them, e.g. ("fc1", "lif1").
    encoding, steps, low, high, threshold: what becomes of an input, see Encode; None where the
    input is already a sequence of spikes or currents (batch, steps, n). readout: see Readout.
    example: an input (batch, n), or with encoding None and "delta" a sequence; net(example) is then
    run and must fire as the result does. forward() takes such an input as it is, and returns spikes
    and membranes of its last layer, with the steps in front.

    What has no exportable form is refused by its name: inhibition, graded spikes, quantized states,
    recurrent neurons, convolutions.
    """
    if encoding not in (None, "delta") and steps is None:
        raise UsageError(f"from_snntorch: encoding {encoding!r} needs a number of steps")
    made: OrderedDict[str, nn.Module] = OrderedDict()
    if encoding is not None:
        made["encode"] = Encode(encoding, steps or 0, low=low, high=high, threshold=threshold)
    found = _layers(net, layers)
    neurons = [name for name, module in found if _kind(module) in NEURONS]
    if not neurons or found[-1][0] != neurons[-1]:
        raise UnsupportedModelError(
            "from_snntorch: the network must end with a Leaky or Synaptic layer, whose spikes are "
            "read"
        )
    for name, module in found:
        key = name.replace(".", "_")
        if _kind(module) in NEURONS:
            made[key] = _neuron(name, module, membranes=name == neurons[-1])
        elif isinstance(module, nn.Linear):
            made[key] = copy.deepcopy(module)
        elif isinstance(module, nn.Flatten) and encoding not in (None, "delta"):
            made[key] = copy.deepcopy(module)
            made.move_to_end(key, last=False)  # before the steps, where every axis is a value's
        elif not isinstance(module, _DROPPED):
            raise _refusal(name, module)
    made["readout"] = Readout(readout)
    result = nn.Sequential(made)
    result.train(net.training)
    if example is not None:
        _compare(net, result, example)
    return result


def _layers(net: nn.Module, names: Sequence[str]) -> list[tuple[str, nn.Module]]:
    """Return the layers in the order in which they are called."""
    if names:
        found = dict(net.named_modules())
        missing = [name for name in names if name not in found]
        if missing:
            raise UsageError(
                f"from_snntorch: there is no layer {missing[0]!r}; the network has "
                f"{', '.join(name for name in found if name)}"
            )
        return [(name, found[name]) for name in names]
    if isinstance(net, nn.Sequential):
        return list(net.named_children())
    children = ", ".join(repr(name) for name, _ in net.named_children())
    raise UsageError(
        f"from_snntorch: {type(net).__name__} has a forward() of its own; say layers=(...) in the "
        f"order in which one step calls them, of {children}"
    )


def _kind(module: nn.Module) -> str:
    """Return the name of an snnTorch class, "" for a module of anything else."""
    kind = type(module)
    return kind.__name__ if kind.__module__.split(".")[0] == "snntorch" else ""


def _refusal(name: str, module: nn.Module) -> UnsupportedOperatorError:
    kind = type(module).__name__
    if isinstance(module, nn.Flatten):
        way = "flatten every step before, and give (batch, steps, n)"
    elif _kind(module):
        way = "use Leaky or Synaptic neurons"
    else:
        way = "between spiking layers only Linear, Dropout and Identity are exported"
    return UnsupportedOperatorError(f"from_snntorch: {name} is a {kind}; {way}")


def _neuron(name: str, module: Any, membranes: bool) -> LIF:
    """Return one spiking layer."""
    kind = _kind(module)
    _check(name, kind, module)
    reset, delay = str(module.reset_mechanism), bool(module.reset_delay)
    if reset == "subtract" and not delay:
        reset = "carry"
    trained = [key for key in ("beta", "threshold", "alpha") if key in module._parameters]
    try:
        return LIF(
            _limited(module.beta),
            module.threshold.detach(),
            _limited(module.alpha) if kind == "Synaptic" else None,
            reset=reset,
            reset_delay=delay,
            membranes=membranes,
            learn=trained,
        )
    except ValueError as error:
        raise UnsupportedModelError(f"from_snntorch: {name} ({kind}): {error}") from None


def _limited(value: Tensor) -> Tensor:
    """Return a factor in 0..1: snnTorch limits it so in every step."""
    return value.detach().clamp(0.0, 1.0)


def _check(name: str, kind: str, module: Any) -> None:
    """Refuse what a LIF layer does not have."""
    functions = {"subtract": "_base_sub", "zero": "_base_zero", "none": "_base_int"}
    reset = str(module.reset_mechanism)
    code = list(functions)[int(module.reset_mechanism_val)]
    graded = bool((module.graded_spikes_factor != 1).any())
    probe = torch.tensor([-2.0, -1e-6, 0.0, 1e-6, 2.0])
    with torch.no_grad():
        spikes = module.spike_grad(probe)
    faults = {
        "inhibition": bool(module.inhibition),
        "graded spikes": graded or "graded_spikes_factor" in module._parameters,
        "state_quant": module.state_quant is not False,
        "a spike_grad that is no step from 0 to 1": not torch.equal(spikes, (probe > 0).float()),
        "a reset_mechanism that was changed after it was made": reset != code
        or module.state_function.__name__ != functions[reset],
        "a threshold that is not above 0": not bool((module.threshold > 0).all()),
    }
    for what, wrong in faults.items():
        if wrong:
            raise UnsupportedOperatorError(
                f"from_snntorch: {name} ({kind}) has {what}, which has no exported form; train "
                "without it"
            )


def _compare(net: nn.Module, result: nn.Sequential, example: Tensor) -> None:
    """Refuse a conversion that does not fire as the network does."""
    training = net.training, result.training
    net.eval()
    result.eval()
    with torch.no_grad():
        theirs = net(example)
        ours: object = example
        for module in list(result)[:-1]:
            ours = module(ours)
    net.train(training[0])
    result.train(training[1])
    if not (isinstance(theirs, tuple) and isinstance(ours, tuple)) or len(theirs) < 2:
        raise UsageError(
            "from_snntorch: with an example, forward() must return spikes and membranes of its "
            "last layer, all steps stacked in front"
        )
    for what, a, b in zip(("spikes", "membranes"), (theirs[0], theirs[-1]), ours, strict=True):
        a = a.transpose(0, 1)
        if a.shape != b.shape:
            raise UnsupportedModelError(
                f"from_snntorch: forward() returns {what} {tuple(a.shape)} (batch, steps, n), the "
                f"layers named give {tuple(b.shape)}; correct layers, steps or encoding"
            )
        differ = int((a != b).sum()) if what == "spikes" else 0
        if differ or not torch.allclose(a, b, rtol=1e-4, atol=1e-4):
            raise UnsupportedModelError(
                f"from_snntorch: forward() does not compute what the layers named do: {differ} of "
                f"{a.numel()} spikes differ; correct layers, steps or encoding"
            )
