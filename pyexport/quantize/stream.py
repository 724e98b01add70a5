"""Makes one step of an integer graph over a whole sequence: its layers keep their states.

By construction the step gives, after T steps from a reset, the bytes that the whole graph gives
after a sequence of T: every operator and every scale stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pyexport.errors import UnsupportedModelError
from pyexport.integer.elementwise import QuantizedConstant
from pyexport.integer.recurrent import QuantizedLstm, Recurrent
from pyexport.integer.shape import QuantizedGather
from pyexport.integer.spiking import SpikingOp
from pyexport.ir import Graph, Node, Op, State, Tensor
from pyexport.quantize.diagnosis import node_title
from pyexport.quantize.stream_rules import STEP_RULES, Timed
from pyexport.quantize.stream_spiking import spiking_step, steps_of
from pyexport.rows import is_single


@dataclass(frozen=True)
class Step:
    """One step of a graph, and how many steps a sequence of the whole graph had."""

    graph: Graph
    steps: int


def stream_step(graph: Graph) -> Step:
    """Return the graph of one step; raises UnsupportedModelError where a node needs several.

    The input is (steps, features), transposed before if the user's is not. A tensor either holds
    every step along one axis, or what is known after the last step, which a step gives each time.
    """
    if not is_single(graph):
        raise UnsupportedModelError(
            "a model of several inputs or outputs has no streaming form; export without --stream"
        )
    shape, spiking = graph.input.shape, steps_of(graph)
    if len(shape) != 2 and not (len(shape) == 1 and spiking is not None):
        sizes = "x".join(map(str, shape))
        raise UnsupportedModelError(
            f"the input of {sizes} is no sequence (steps, features); export without --stream"
        )
    if not any(isinstance(node.op, Recurrent | SpikingOp) for node in graph.nodes):
        raise UnsupportedModelError(
            "there is no LSTM, GRU or spiking layer, so a step has nothing to keep; export without "
            "--stream"
        )
    steps = shape[0] if len(shape) == 2 or spiking is None else spiking
    maker = _Maker(graph, steps)
    for node in graph.nodes:
        maker.add(node)
    return Step(maker.graph(), steps)


class _Maker:
    """Builds the step, node by node. axes: where a tensor holds the steps, None behind the last."""

    def __init__(self, graph: Graph, steps: int) -> None:
        self._whole = graph
        self._steps = steps
        first = 0 if len(graph.input.shape) == 2 else None  # of one value, what it is in this step
        self._axes: dict[str, int | None] = {graph.input.name: first}
        self._constants: set[str] = set()
        self._nodes: list[Node] = []
        self._states: list[State] = []
        self._old: list[Tensor] = []

    def graph(self) -> Graph:
        """Return the step."""
        tensors = [self._tensor(tensor) for tensor in self._whole.tensors]
        return replace(
            self._whole,
            tensors=(*tensors, *self._old),
            nodes=tuple(self._nodes),
            states=tuple(self._states),
        )

    def add(self, node: Node) -> None:
        """Add a node of the whole graph as it is in one step."""
        if isinstance(node.op, Recurrent):
            self._add_recurrent(node, node.op)
            return
        if isinstance(node.op, SpikingOp):
            self._add_spiking(node)
            return
        op, axis = node.op, None
        if any(self._axes[name] is not None for name in node.inputs):
            op, axis = self._in_a_step(node)
        if isinstance(op, QuantizedConstant) or self._constants.issuperset(node.inputs):
            self._constants.update(node.outputs)
        self._nodes.append(replace(node, op=op))
        self._axes.update(dict.fromkeys(node.outputs, axis))

    def _in_a_step(self, node: Node) -> tuple[Op, int | None]:
        rule = STEP_RULES.get(type(node.op))
        constants = frozenset(self._constants)
        timed = Timed(node, self._whole, self._steps, self._axes, constants)
        made = None
        if rule is not None and (node.op.kind in _OF_TWO or self._axes[node.inputs[0]] is not None):
            made = rule(timed)
        if made is None:
            raise UnsupportedModelError(
                f"{node_title(node)}: {_kind(node)} needs more than one step of the sequence at "
                "once; leave it out of the model, or export the whole sequence, without --stream"
            )
        return made

    def _tensor(self, tensor: Tensor) -> Tensor:
        axis = self._axes[tensor.name]
        if axis is None:
            return tensor
        # What a step takes or gives has the features alone: there is nothing to transpose.
        shape = (*tensor.shape[:axis], 1, *tensor.shape[axis + 1 :])
        return replace(tensor, shape=shape, layout="")

    def _add_spiking(self, node: Node) -> None:
        kept = spiking_step(node, self._whole, tuple(self._axes[name] for name in node.inputs))
        if kept is None:
            raise _not_by_steps(node)
        self._nodes.append(kept.node)
        self._states += kept.states
        self._old += kept.tensors
        self._axes.update(zip(node.outputs, kept.times, strict=True))

    def _add_recurrent(self, node: Node, op: Recurrent) -> None:
        if self._axes[node.inputs[0]] != 0:
            raise _not_by_steps(node)
        kept = node.outputs[-2:] if isinstance(op, QuantizedLstm) else node.outputs[-1:]
        words = ("h", "c") if isinstance(op, QuantizedLstm) else ("h",)
        states = [
            State(f"{node.name}_{word}", f"{node.name}_{word}_old", name)
            for word, name in zip(words, kept, strict=True)
        ]
        self._states += states
        self._old += [replace(self._whole.tensor(s.write), name=s.read) for s in states]
        inputs = (node.inputs[0], *(state.read for state in states))
        self._axes.update(dict.fromkeys(node.outputs))
        outputs = node.outputs[1:] if op.sequence else node.outputs
        step = replace(op, stateful=True, sequence=False)
        self._nodes.append(replace(node, op=step, inputs=inputs, outputs=outputs))
        if op.sequence:  # of one step it is the last h: where it lies, no copy is made
            every = node.outputs[0]
            self._axes[every] = 0
            same = QuantizedGather((op.size,), (1,), 0, "step")
            self._nodes.append(Node(f"{node.name}_step", same, outputs[:1], (every,), node.source))


_OF_TWO = ("quantized_add", "quantized_mul")  # whose second input alone can hold the steps


def _not_by_steps(node: Node) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"{node_title(node)}: {_kind(node)} does not read the steps of the input one by one; "
        "export the whole sequence, without --stream"
    )


def _kind(node: Node) -> str:
    return node.op.kind.removeprefix("quantized_")
