"""The spiking layers as modules: LIF neurons, encoders and readouts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pyexport.operators.spiking import READOUTS
from pyexport.snn import coding, neuron, operators

Numbers = float | Sequence[float] | Tensor


class LIF(nn.Module):
    """Leaky integrate-and-fire neurons: currents (batch, steps, n) become spikes of 0 and 1.

    beta: what a membrane keeps from step to step, 0..1, one number or one a neuron; 1 - 2**-k
    (7/8, 15/16) leaks without a multiplication on the device. alpha: the same for the current of
    a second-order neuron. reset: "subtract" the threshold, "zero", or "none";
    reset_delay: with the next step, as snnTorch does, or at once. compare: fire above the threshold
    ("gt") or at it too ("ge"). refractory: steps without current after a spike.
    learn: which of "beta", "threshold" and "alpha" are trained.

    With membranes=True the result is (spikes, membranes), which Readout takes.
    """

    beta: Tensor
    threshold: Tensor
    alpha: Tensor | None

    def __init__(
        self,
        beta: Numbers,
        threshold: Numbers = 1.0,
        alpha: Numbers | None = None,
        *,
        reset: str = "subtract",
        reset_delay: bool = True,
        compare: str = "gt",
        v_reset: float = 0.0,
        refractory: int = 0,
        membranes: bool = False,
        learn: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.rule = neuron.Rule(reset, reset_delay, compare, float(v_reset), refractory)
        self.membranes = membranes
        self.learn = tuple(learn)
        wrong = sorted({*self.learn} - {"beta", "threshold", "alpha"})
        if wrong or ("alpha" in self.learn and alpha is None):
            raise ValueError(f"LIF: learn={learn!r}; name parameters that it has")
        self._keep("beta", _numbers(beta, "beta", 0.0, 1.0))
        self._keep("threshold", _numbers(threshold, "threshold"))
        self._keep("alpha", None if alpha is None else _numbers(alpha, "alpha", 0.0, 1.0))

    def _keep(self, name: str, value: Tensor | None) -> None:
        if value is not None and name in self.learn:
            self.register_parameter(name, nn.Parameter(value))
        else:
            self.register_buffer(name, value)

    def forward(self, currents: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Return spikes, or spikes and membranes, in the shape of the currents."""
        if self.training and self.learn and not torch.compiler.is_compiling():
            self._limit()
        rule = self.rule
        spikes, membranes = operators.lif(
            currents,
            self.beta,
            self.threshold,
            self.alpha,
            rule.reset,
            rule.reset_delay,
            rule.compare,
            rule.v_reset,
            rule.refractory,
        )
        return (spikes, membranes) if self.membranes else spikes

    def _limit(self) -> None:
        """Bring what training moved back to 0..1."""
        with torch.no_grad():
            for name in {"beta", "alpha"} & {*self.learn}:
                getattr(self, name).clamp_(0.0, 1.0)

    def extra_repr(self) -> str:
        rule = self.rule
        return f"reset={rule.reset!r}, reset_delay={rule.reset_delay}, compare={rule.compare!r}"


class Encode(nn.Module):
    """Values become steps: (batch, n) gives (batch, steps, n).

    "direct": the values themselves in every step. "rate": spikes evenly spread, as many as a
    value's share of low..high. "latency": one spike, the earlier the greater the value, none for
    low. "delta": of a sequence (batch, steps, n), events up and down, (batch, steps, 2 * n),
    wherever a value has moved by the threshold since its last event.
    """

    def __init__(
        self,
        encoding: str,
        steps: int = 0,
        *,
        low: float = 0.0,
        high: float = 1.0,
        threshold: float = 0.0,
    ) -> None:
        super().__init__()
        coding.check_encoding(encoding, steps, low, high, threshold)
        self.encoding, self.steps = encoding, steps
        self.low, self.high, self.threshold = float(low), float(high), float(threshold)

    def forward(self, x: Tensor) -> Tensor:
        """Return the input of the first spiking layer, step by step."""
        args = (self.encoding, self.steps, self.low, self.high, self.threshold)
        encoded: Tensor = operators.encode(x, *args)
        return encoded

    def extra_repr(self) -> str:
        return f"{self.encoding!r}, steps={self.steps}"


class Readout(nn.Module):
    """Spikes and membranes (batch, steps, n) become one score a neuron, (batch, n).

    "count": how often it fired; "first_spike": the earlier, the greater. Both have the sum of the
    membranes as a fraction below 1, which breaks ties. "membrane_mean" and "membrane_last": the
    membrane itself, which wants neurons that never reset.
    """

    def __init__(self, method: str = "count") -> None:
        super().__init__()
        if method not in READOUTS:
            raise ValueError(f"Readout: {method!r}; use one of {', '.join(READOUTS)}")
        self.method = method

    def forward(
        self, spikes: Tensor | tuple[Tensor, Tensor], membranes: Tensor | None = None
    ) -> Tensor:
        """Return the scores; takes what LIF(membranes=True) returns, too."""
        if isinstance(spikes, tuple):
            spikes, membranes = spikes
        if membranes is None:
            raise ValueError("Readout needs membranes too: give the last LIF membranes=True")
        scores: Tensor = operators.readout(spikes, membranes, self.method)
        return scores

    def extra_repr(self) -> str:
        return repr(self.method)


def _numbers(value: Numbers, name: str, low: float = -torch.inf, high: float = torch.inf) -> Tensor:
    """Return one number, or one a neuron, as a tensor of one dimension."""
    given = isinstance(value, Tensor) and value.is_floating_point()
    kind = value.dtype if isinstance(value, Tensor) and given else torch.get_default_dtype()
    numbers = torch.as_tensor(value, dtype=kind).detach().clone().reshape(-1)
    if not bool(((numbers >= low) & (numbers <= high)).all()):
        raise ValueError(f"LIF: {name} must lie in {low:g}..{high:g}")
    return numbers
