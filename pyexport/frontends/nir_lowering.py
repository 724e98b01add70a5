"""Turns a chain of NIR nodes into the float graph: continuous time becomes steps of dt."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn, TypeVar

import numpy as np

from pyexport.errors import InvalidModelError, UnsupportedModelError, UnsupportedOperatorError
from pyexport.frontends.each_step import each_step
from pyexport.frontends.graph_builder import GraphBuilder, Value
from pyexport.frontends.loading import assemble
from pyexport.frontends.lowering import refuse_non_finite
from pyexport.frontends.metadata import Extras
from pyexport.frontends.nir_file import NirNode, read_nir
from pyexport.frontends.sidecar import Sidecar
from pyexport.frontends.snn_options import DELAYED, SnnOptions, noted
from pyexport.ir import Array, Encode, Graph, Lif, Model, Readout
from pyexport.untrusted import MAX_WIDTH

Made = TypeVar("Made")
NEURONS = ("LIF", "CubaLIF", "IF", "LI")
WEIGHTS = ("Linear", "Affine")
READ = ("Input", "Output", "Flatten", *WEIGHTS, *NEURONS)


@dataclass(frozen=True, eq=False)
class Neurons:
    """A layer in steps: its operator, and what its current is multiplied with and added to."""

    op: Lif
    gain: Array  # (n,)
    offset: Array  # (n,): of a leak that does not lead to 0


def parse_nir(
    data: bytes,
    where: str,
    source_name: str,
    options: SnnOptions,
    sidecar: Sidecar | None = None,
) -> Model:
    """Return the model of a NIR file in memory; raises PyexportError in one line.

    What the user says in `options` comes before what the file has noted in its metadata.
    """
    nir = read_nir(data, where)
    said = noted(nir.metadata, where)
    stated = options.or_else(said)
    if said.input_range is not None:  # of the encoder: another one makes another network
        stated = replace(stated, input_range=said.input_range)
    graph = _Chain(nir.nodes, stated, options, where).graph()
    extras = _with_range(sidecar.extras(graph) if sidecar is not None else Extras(), stated)
    digest = hashlib.sha256(data).hexdigest()
    return assemble(graph, extras, source_name, digest, f"NIR {nir.version}")


def _with_range(extras: Extras, stated: SnnOptions) -> Extras:
    """Return what is stated, and that the input is as wide as its encoder takes it, if it has one.

    Not where a sidecar tells what raw values are.
    """
    told = extras.statements
    raw = (told.input_range, told.input_dtype, told.input_scale, told.input_normalize)
    if stated.encoding not in ("rate", "latency") or any(value is not None for value in raw):
        return extras
    return replace(extras, statements=replace(told, input_range=stated.input_range))


class _Chain:
    """Walks the nodes from the input to the output."""

    def __init__(
        self, nodes: tuple[NirNode, ...], stated: SnnOptions, options: SnnOptions, where: str
    ) -> None:
        self.nodes, self.stated, self.options, self.where = nodes, stated, options, where

    def graph(self) -> Graph:
        """Return the float graph; raises PyexportError."""
        for node in self.nodes:
            if node.kind not in READ:
                raise UnsupportedOperatorError(
                    f"{self.where}: {node.name} is a {node.kind}, which is not read; use "
                    f"{', '.join(READ)}"
                )
        layers = [n for n in self.nodes if n.kind in (*WEIGHTS, *NEURONS)]
        if not layers or layers[-1].kind not in NEURONS:
            raise UnsupportedModelError(f"{self.where}: the network must end with neurons")
        self.builder, value = self._start(layers[0])
        value = self._encoded(value)
        waiting: NirNode | None = None
        spikes = membranes = value
        for node in layers:
            if node.kind in WEIGHTS:
                if waiting is not None:
                    raise self._bad(node, f"follows {waiting.name} without neurons between them")
                waiting = node
                continue
            if waiting is None:
                raise self._bad(node, "has no Linear or Affine before it; put one there")
            spikes, membranes = self._layer(waiting, node, spikes, last=node is layers[-1])
            waiting = None
        self._ends(layers, spikes.shape[-1])
        method = self._asked("readout", "--snn-readout count, first_spike or membrane_last")
        if layers[-1].kind == "LI" and not method.startswith("membrane"):
            raise UnsupportedModelError(
                f"{self.where}: {layers[-1].name} is a LI, which never fires; give --snn-readout "
                "membrane_mean or membrane_last"
            )
        return self.builder.finish(
            self.builder.apply(Readout(method), (spikes, membranes), "readout")[0]
        )

    def _ends(self, layers: list[NirNode], width: int) -> None:
        """Raise UnsupportedModelError where Input or Output state another width than the layers.

        Their shapes may have a batch or steps in front, or be those of a picture.
        """
        first = self._matrix(layers[0]).shape[1]
        values = {first, first // 2} if self.stated.delta is not None else {first}
        for node, widths, what in (
            (self.nodes[0], values, f"{layers[0].name} takes {first} inputs"),
            (self.nodes[-1], {width}, f"{layers[-1].name} has {width} neurons"),
        ):
            shape = node.fields.get("shape")
            sizes = [] if shape is None or isinstance(shape, str) else shape.reshape(-1).tolist()
            if sizes and not widths & {sizes[-1], math.prod(sizes)}:
                stated = " x ".join(f"{size:g}" for size in sizes)
                raise self._bad(
                    node, f"states the shape {stated}, but {what}; write the file again"
                )

    def _start(self, first: NirNode) -> tuple[GraphBuilder, Value]:
        """Return the builder and its input: (n,), or a sequence (steps, n)."""
        n = self._matrix(first).shape[1] if first.kind in WEIGHTS else 1
        encoding = self._asked(
            "encoding", "--snn-encoding direct, rate, latency, delta:0.5 or steps"
        )
        if self.stated.delta is not None:
            n //= 2
        sequence = encoding == "steps" or self.stated.delta is not None
        steps = self._asked("steps", "--snn-steps, e.g. 25")
        shape = (steps, n) if sequence else (n,)
        if n < 1 or math.prod(shape) > MAX_WIDTH:
            raise UnsupportedModelError(f"{self.where}: its input has {math.prod(shape)} elements")
        builder = GraphBuilder(shape, self.where)
        return builder, builder.input

    def _encoded(self, x: Value) -> Value:
        encoding, steps = self.stated.encoding, self.stated.steps
        assert encoding is not None
        assert steps is not None  # _start has asked for both
        delta = self.stated.delta
        if encoding == "steps":
            return x
        if delta is not None:
            zeros = self.builder.constant(np.zeros(x.shape[1]), "encode")
            return self._try(lambda: self.builder.apply(
                Encode("delta", steps, threshold=delta), (x, zeros), "encode"
            )[0])  # fmt: skip
        span = self.stated.input_range
        if span is None and encoding != "direct":
            raise InvalidModelError(
                f"{self.where}: {encoding} encoding needs to know the least and greatest input; "
                "give --input-range LOW:HIGH"
            )
        low, high = span or (0.0, 1.0)
        return self._try(
            lambda: self.builder.apply(Encode(encoding, steps, low, high), (x,), "encode")[0]
        )

    def _layer(self, weights: NirNode, node: NirNode, x: Value, last: bool) -> tuple[Value, Value]:
        """Append a linear layer and its neurons; return spikes and membranes."""
        matrix = self._matrix(weights)
        n_out, n_in = matrix.shape
        if n_in != x.shape[-1]:
            raise self._bad(weights, f"takes {n_in} inputs, not {x.shape[-1]}")
        bias = (
            self._numbers(weights, "bias", n_out) if weights.kind == "Affine" else np.zeros(n_out)
        )
        if node.kind == "LI" and not last:
            raise self._bad(node, "never fires; only the last layer may be one")
        neurons = self._neurons(node, n_out)
        scaled = (matrix * neurons.gain[:, None]).astype(np.float32)
        offsets = (bias * neurons.gain + neurons.offset).astype(np.float32)
        current = each_step(self.builder, x, scaled, offsets, weights.name)
        zeros = [self.builder.constant(np.zeros(n_out), node.name) for _ in neurons.op.states]
        spikes, membranes, *_ = self.builder.apply(neurons.op, (current, *zeros), node.name)
        return spikes, membranes

    def _neurons(self, node: NirNode, n: int) -> Neurons:
        """Return v' = (v_leak - v + r * i) / tau in steps of dt, one forward Euler step each."""
        mine = self.options.or_else(noted(node.metadata, self._at(node))).or_else(self.stated)
        dt = mine.dt if mine.dt is not None else self._missing("dt", "--snn-dt, e.g. 1e-4", node)
        resistance = self._numbers(node, "r", n)
        leak = np.zeros(n) if node.kind == "IF" else self._numbers(node, "v_leak", n)
        if node.kind == "IF":
            beta, gain = np.ones(n), dt * resistance
        else:
            tau = self._numbers(node, "tau_mem" if node.kind == "CubaLIF" else "tau", n)
            beta, gain = self._kept(node, dt, tau), resistance * dt / tau
        alpha = np.zeros(0)
        if node.kind == "CubaLIF":
            tau_syn = self._numbers(node, "tau_syn", n)
            alpha = self._kept(node, dt, tau_syn)
            gain = gain * self._numbers(node, "w_in", n) * dt / tau_syn
        offset = (1.0 - beta) * leak
        if alpha.size and offset.any():
            raise self._bad(node, "has a synaptic current and a leak to another value than 0")
        if node.kind == "LI":
            return Neurons(Lif(beta, np.ones(n), reset="none"), gain, offset)
        threshold = self._numbers(node, "v_threshold", n)
        v_reset = self._numbers(node, "v_reset", n) if "v_reset" in node.fields else np.zeros(n)
        reset = mine.reset
        if reset is None:
            self._missing("reset", "--snn-reset, e.g. zero, or subtract-delayed as snnTorch", node)
        way, delayed = reset.removesuffix(DELAYED), reset.endswith(DELAYED)
        if v_reset.any() and (way != "zero" or delayed or (v_reset != v_reset[0]).any()):
            raise self._bad(
                node, "resets to another value than 0: give --snn-reset zero, one value a layer"
            )
        op = self._try(
            lambda: Lif(
                beta, threshold.astype(np.float32), alpha, way, delayed, v_reset=float(v_reset[0])
            ),
            node,
        )
        return Neurons(op, gain, offset)

    def _kept(self, node: NirNode, dt: float, tau: Array) -> Array:
        """Return 1 - dt / tau as float32, so that what a file rounded is what was trained."""
        if not ((tau >= dt) & (tau < math.inf)).all():
            raise self._bad(
                node, f"has a time constant below a step of {dt:g} s, or an infinite one"
            )
        return np.asarray(1.0 - dt / tau).astype(np.float32)

    def _matrix(self, node: NirNode) -> Array:
        weight = node.fields.get("weight")
        if isinstance(weight, str) or weight is None or weight.ndim != 2 or 0 in weight.shape:
            raise self._bad(node, "has no matrix of weights")
        if max(weight.shape) > MAX_WIDTH:
            raise self._bad(node, f"has a side of {max(weight.shape)}")
        return self._finite(node, "weight", weight)

    def _numbers(self, node: NirNode, key: str, n: int) -> Array:
        """Return one number for each neuron."""
        value = node.fields.get(key)
        if isinstance(value, str) or value is None or value.size not in (1, n):
            raise self._bad(node, f"has no {key} for {n} neurons")
        return np.broadcast_to(self._finite(node, key, value).reshape(-1), (n,))

    def _finite(self, node: NirNode, key: str, value: Array) -> Array:
        array = value.astype(np.float64)
        refuse_non_finite(f"{node.name}.{key}", array, self.where)
        return array

    def _asked(self, key: str, way: str) -> Any:
        value = getattr(self.stated, key)
        return self._missing(key, way) if value is None else value

    def _missing(self, key: str, way: str, node: NirNode | None = None) -> NoReturn:
        place = self.where if node is None else self._at(node)
        raise InvalidModelError(f"{place}: NIR does not say the {key}; give {way}")

    def _try(self, make: Callable[[], Made], node: NirNode | None = None) -> Made:
        try:
            return make()
        except ValueError as error:
            place = self.where if node is None else self._at(node)
            raise InvalidModelError(f"{place}: {error}") from None

    def _at(self, node: NirNode) -> str:
        return f"{self.where}: {node.name} ({node.kind})"

    def _bad(self, node: NirNode, what: str) -> UnsupportedModelError:
        return UnsupportedModelError(f"{self._at(node)} {what}")
