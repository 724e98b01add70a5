"""Networks: layers in a row, one engine below them, and one call that trains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from pyexport.errors import InvalidModelError, PyexportError, UsageError
from pyexport.scratch.backends import Parameters, Row
from pyexport.scratch.backends.floats import FloatMatrix
from pyexport.scratch.backends.packed import PIXEL_BITS, PackedMatrix
from pyexport.scratch.backends.plan import Plan, plan_layer
from pyexport.scratch.backends.scalars import ScalarMatrix, ScalarVector
from pyexport.scratch.data import as_row
from pyexport.scratch.encoded import Encoded, Input
from pyexport.scratch.engine import Value
from pyexport.scratch.kinds import check_layers
from pyexport.scratch.layers import Dropout, Layer, Linear, Softmax, Vector
from pyexport.scratch.losses import Loss, Target, find_loss
from pyexport.scratch.node import Node
from pyexport.scratch.optim import Optimizer
from pyexport.scratch.spiking import Lif

ENGINES = ("value", "lists", "packed")
HIDDEN_BITS = 15  # fraction bits of what one packed layer hands to the next
PIXELS = [k / 256 for k in range(256)]


class Sequential:
    """A network; starts in eval mode.

    input_bits and clip concern the packed engine alone: inputs are rounded to multiples of
    2**-input_bits, weights are clipped to +-clip. Inputs should lie in about -1..1. A step of one
    sample, rate * gradient / batch size, is rounded to some 2**-17: what is smaller is lost, with a
    warning if nothing else comes for a while.

    seed: of the weights and of dropout; None: the weights are 0, for those who load others next.
    """

    def __init__(
        self,
        *layers: Layer,
        seed: int | None = 0,
        engine: str = "packed",
        input_bits: int = PIXEL_BITS,
        clip: float = 4.0,
    ) -> None:
        if engine not in ENGINES:
            raise UsageError(f"no engine {engine!r}; use one of {', '.join(ENGINES)}")
        if not isinstance(input_bits, int) or not 1 <= input_bits <= HIDDEN_BITS:
            raise UsageError(f"input_bits is {input_bits}; use a whole number, 1 to {HIDDEN_BITS}")
        if not (math.isfinite(clip) and math.frexp(clip)[0] == 0.5):
            raise UsageError(f"clip is {clip}; use a power of two such as 2 or 4")
        self.layers = layers
        self.engine = engine
        self.input_bits = input_bits
        self.clip = clip
        self.training = False
        self.statements: dict[str, Any] = {}  # for save(); pyexport.scratch.load fills it
        self.linears = check_layers(layers)
        self.n_in = self.linears[0].n_in
        self.n_out = self.linears[-1].n_out
        rng = Random(seed or 0)
        for linear in self.linears:
            weight = linear.zeros() if seed is None else linear.draw(rng)
            linear.matrix = self._make_matrix(linear, weight)
        for layer in layers:
            if isinstance(layer, Dropout):
                layer.rng = rng
        first = self.linears[0].matrix
        packed = isinstance(first, PackedMatrix) and layers[0] is self.linears[0]
        self._packed_input: Any = first if packed else None

    def train(self) -> None:
        """Switch dropout on."""
        self.training = True

    def eval(self) -> None:
        """Switch dropout off."""
        self.training = False

    def encode(self, x: Input) -> Encoded:
        """Return an input that every call takes in place of x, and that costs less when reused.

        It suits this network and those with the same inputs, engine and input_bits.
        """
        return x if isinstance(x, Encoded) else Encoded(self._checked(x), self._form)

    def __call__(self, x: Input) -> list[float]:
        """Return the outputs for one sample: n_in floats, or bytes k that stand for k / 256.

        Anything that holds bytes counts as bytes: bytearray, array("B"), a NumPy array of uint8.
        """
        try:
            return list(self._forward(self._leaf(x), self.layers).data)
        except (ArithmeticError, ValueError):  # what floats and math.fsum raise beyond their range
            raise InvalidModelError(
                "an output of the network became NaN or infinite; lower the learning rate"
            ) from None

    def spikes(self, x: Input) -> list[float]:
        """Return how many spikes each Lif fires for one sample, in order."""
        vector, fired = self._leaf(x), []
        for layer in self.layers:
            vector = layer.forward(vector, training=False)
            if isinstance(layer, Lif):
                fired.append(math.fsum(vector.data))
        return fired

    def classify(self, x: Input) -> int:
        """Return the number of the highest output, the lowest on a tie.

        A single output, trained by hinge, tells class 1 where it is positive, class 0 elsewhere.
        """
        outputs = self(x)
        if not all(map(math.isfinite, outputs)):
            raise InvalidModelError(
                "an output of the network is NaN or infinite, so it tells no class;"
                " train again with a lower learning rate"
            )
        if self.n_out == 1:
            return int(outputs[0] > 0.0)
        return outputs.index(max(outputs))

    def step(
        self,
        x: Input,
        target: Target,
        *,
        loss: str,
        optimizer: Optimizer,
        skip_below: float = 0.0,
    ) -> float:
        """Return the loss of one sample, and train on it if the loss is at least skip_below."""
        return self.step_batch([x], [target], loss=loss, optimizer=optimizer, skip_below=skip_below)

    def step_batch(
        self,
        inputs: Sequence[Input],
        targets: Sequence[Target],
        *,
        loss: str,
        optimizer: Optimizer,
        skip_below: float = 0.0,
    ) -> float:
        """Return the mean loss of some samples, and make one step along their mean gradient.

        Samples with a loss below skip_below count as having no gradient; if all are, there is no
        step. If the last layer is a softmax, cross_entropy takes its inputs: it holds the softmax
        itself.
        """
        if not inputs or len(inputs) != len(targets):
            raise UsageError(
                f"a batch of {len(inputs)} samples and {len(targets)} targets;"
                " give at least one sample, and a target for each"
            )
        if math.isnan(skip_below):
            raise UsageError("skip_below is NaN; use 0 to train on every sample")
        share = 1.0 / len(inputs)
        losses = [
            self._differentiate(x, loss, target, share, skip_below)[0]
            for x, target in zip(inputs, targets, strict=True)
        ]
        if max(losses) >= skip_below:
            try:
                optimizer.step(self.parameters)
            except BaseException:  # a refused step must not add its gradients to the next one
                self._forget_gradients()
                raise
        return math.fsum(losses) * share

    def value_and_gradient(
        self, x: Input, *, loss: str | Loss, target: Target
    ) -> tuple[float, list[float]]:
        """Return the loss and its gradient with respect to the input; the weights stay."""
        value, leaf = self._differentiate(x, loss, target, tracked=True)
        self._forget_gradients()
        return value, leaf.gradient()

    @property
    def parameters(self) -> list[Parameters]:
        """The parameters of the linear layers, in order."""
        return [layer.matrix for layer in self.linears]

    def save(self, path: str | Path, **metadata: Any) -> None:
        """Write a checkpoint; see pyexport.scratch.checkpoint_writer.save.

        What is not stated here is taken from `statements`.
        """
        from pyexport.scratch import checkpoint_writer  # it imports this module

        checkpoint_writer.save(self, path, **{**self.statements, **metadata})

    def _make_matrix(self, layer: Linear, weight: list[Row]) -> Parameters:
        bias = [0.0] * layer.n_out
        if self.engine == "value":
            return ScalarMatrix(weight, bias)
        if self.engine == "lists":
            return FloatMatrix(weight, bias)
        if layer is self.linears[0]:
            bits, total = self.input_bits, max(layer.n_in, 64)
        else:  # activations may be large; 16 each on average are enough
            bits, total = HIDDEN_BITS, 16 * max(layer.n_in, 64)
        plan = plan_layer(layer.n_in, layer.n_out, bits, total, self.clip)
        return PackedMatrix(weight, bias, plan)

    @property
    def _form(self) -> Plan | None:
        return self._packed_input.plan if self._packed_input else None

    def _leaf(self, x: Input, tracked: bool = False) -> Vector:
        """Return the input as a vector of the engine, checked."""
        if not isinstance(x, Encoded):
            data = self._checked(x)
        elif x.form == self._form and len(x.data) == self.n_in:
            data = x.data
        else:
            raise UsageError("an encoded input of a network of another kind; use this one's encode")
        if self.engine == "value":
            return ScalarVector([Value(number) for number in data] if tracked else data)
        return Node(data, tracked=tracked)

    def _checked(self, x: Sequence[float]) -> Any:
        """Return what the first layer takes: nothing that the caller can still change."""
        if not isinstance(x, (bytes, list, tuple)):
            x = as_row(x)
        try:
            size = len(x)
            if not isinstance(x, bytes):
                x = [float(number + 0.0) for number in x]  # text has no sum
        except (TypeError, ValueError, OverflowError):
            raise UsageError(
                "an input is neither bytes nor a list of numbers that fit a float;"
                " give one number an input"
            ) from None
        if size != self.n_in:
            raise UsageError(f"the network takes {self.n_in} inputs, not {size}; give one an input")
        if not (isinstance(x, bytes) or all(map(math.isfinite, x))):
            raise UsageError("an input is NaN or infinite; clean the data first")
        if self._packed_input:
            return self._packed_input.encode(x)
        return [PIXELS[k] for k in x] if isinstance(x, bytes) else x

    def _forward(self, x: Vector, layers: Sequence[Layer]) -> Vector:
        for layer in layers:
            x = layer.forward(x, self.training)
        return x

    def _differentiate(
        self,
        x: Input,
        loss: str | Loss,
        target: Target,
        share: float = 1.0,
        skip_below: float = 0.0,
        tracked: bool = False,
    ) -> tuple[float, Vector]:
        """Return the loss and the input, after a backward pass of share * the loss.

        An error leaves no gradients behind.
        """
        try:
            leaf = self._leaf(x, tracked)
            fused = loss == "cross_entropy" and isinstance(self.layers[-1], Softmax)
            outputs = self._forward(leaf, self.layers[:-1] if fused else self.layers)
            node = outputs.loss(find_loss(loss), target)
            value = node.item()
            if not math.isfinite(value):
                raise OverflowError
            if value >= skip_below:
                node.backward(share)
            return value, leaf
        except PyexportError:
            self._forget_gradients()
            raise
        except (ArithmeticError, ValueError):  # what floats and math.fsum raise beyond their range
            self._forget_gradients()
            raise InvalidModelError(
                f"the {loss} loss or its gradient became infinite or NaN;"
                " lower the learning rate, or scale the inputs"
            ) from None

    def _forget_gradients(self) -> None:
        for parameters in self.parameters:
            parameters.forget()
