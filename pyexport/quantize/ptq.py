"""Post-training quantization: a float Graph and its tensor ranges become an integer Graph."""

from dataclasses import dataclass, replace

from pyexport.errors import CalibrationError, QuantizationError, UnsupportedOperatorError
from pyexport.integer import BY_TYPE
from pyexport.integer.recurrent import HIDDEN
from pyexport.ir import (
    Affine,
    Calibration,
    Dataset,
    Graph,
    Node,
    QuantParams,
    State,
    Tensor,
)
from pyexport.quantize.diagnosis import no_kernel, node_title, refuse_without_kernel
from pyexport.quantize.observers import (
    InputRanges,
    Range,
    interval_ranges,
    observed_ranges,
    range_of,
)
from pyexport.quantize.plan import NO_PLAN, LanePlan
from pyexport.quantize.raw_input import raw_input_params
from pyexport.quantize.rules import RULES, Outcome, Request
from pyexport.quantize.schemes import input_params
from pyexport.quantize.states import check_states, integer_states
from pyexport.rows import input_tensors, split_rows


@dataclass(frozen=True, eq=False)
class Quantized:
    """The integer graph, where its ranges came from, and what the user should know."""

    graph: Graph
    calibration: Calibration
    warnings: tuple[str, ...] = ()


def quantize_int8(
    graph: Graph,
    input_range: InputRanges,
    calibration: Dataset | None,
    evaluation: Dataset | None = None,
    *,
    per_channel: bool = True,
    plan: LanePlan = NO_PLAN,
) -> Quantized:
    """Return the integer graph and where its ranges came from.

    Without calibration rows every range is the interval bound over input_range: nothing can clip,
    at the price of resolution. Calibration and evaluation rows tell whether inputs are whole
    numbers.
    """
    refuse_without_kernel(graph, tuple(RULES), "int8")
    check_states(graph)
    if calibration is not None:
        ranges = observed_ranges(graph, calibration)
        source = Calibration("data", len(calibration.inputs))
    else:
        ranges = interval_ranges(graph, input_range)
        source = Calibration("declared range", 0)
    params = {
        name: _input(
            graph,
            name,
            range_of(input_range, name),
            *(input_rows(data, graph, name) for data in (calibration, evaluation)),
        )
        for name in graph.inputs
    }
    params |= {state.read: HIDDEN for state in graph.states}  # the layer that reads one decides
    nodes: list[Node] = []
    between: list[Tensor] = []
    warnings: list[str] = []
    for node in graph.nodes:
        sources = tuple(params[name] for name in node.inputs)
        outcome = _quantize_node(Request(node, sources, graph, ranges, per_channel, plan, params))
        params.update(outcome.params)
        nodes += outcome.nodes
        between += outcome.tensors
        warnings += outcome.warnings
    states = integer_states(graph, tuple(nodes))
    integer = _integer_graph(graph, _live(nodes, graph, states), states, between, params)
    for node in integer.nodes:
        _prove(node, integer)
    return Quantized(integer, source, tuple(warnings))


def _live(nodes: list[Node], graph: Graph, states: tuple[State, ...]) -> tuple[Node, ...]:
    """Return the nodes whose results anything reads: a first state of zeros is not stored."""
    read = {*graph.outputs, *(state.write for state in states)}
    live = []
    for node in reversed(nodes):
        if read.intersection(node.outputs):
            live.append(node)
            read.update(node.inputs)
    return tuple(reversed(live))


def _integer_graph(
    graph: Graph,
    nodes: tuple[Node, ...],
    states: tuple[State, ...],
    between: list[Tensor],
    params: dict[str, QuantParams],
) -> Graph:
    kept = {*graph.inputs, *(name for node in nodes for name in node.outputs)}
    kept |= {state.read for state in states}
    tensors = [t for t in (*graph.tensors, *between) if t.name in kept]
    return replace(
        graph,
        tensors=tuple(_quantized(t, params[t.name]) for t in tensors),
        nodes=nodes,
        states=states,
    )


def _prove(node: Node, graph: Graph) -> None:
    """Raise QuantizationError unless the operator is legal and none of its sums can overflow."""
    record = BY_TYPE.get(type(node.op))
    if record is None:
        return
    try:
        record.check(
            node.op,
            [graph.tensor(name) for name in node.inputs],
            [graph.tensor(name) for name in node.outputs],
        )
    except ValueError as error:
        raise QuantizationError(
            f"{node_title(node)}: {error}; split the layer into narrower ones"
        ) from None


def input_rows(dataset: Dataset | None, graph: Graph, name: str) -> Dataset | None:
    """Return the values of one input alone."""
    if dataset is None or len(graph.inputs) == 1:
        return dataset
    return Dataset(split_rows(dataset.inputs, input_tensors(graph))[name])


def _input(
    graph: Graph,
    name: str,
    input_range: Range,
    calibration: Dataset | None,
    evaluation: Dataset | None,
) -> QuantParams:
    """Return the integers of an input: raw ones where a front end alone reads it."""
    readers = graph.users(name)
    if len(readers) == 1 and isinstance(affine := readers[0].op, Affine):
        return raw_input_params(affine, input_range, calibration, evaluation)
    return input_params(input_range, calibration, evaluation)


def check_inside(dataset: Dataset, input_range: Range, what: str) -> None:
    """Raise CalibrationError if a row leaves the declared range of the input."""
    low, high = float(dataset.inputs.min()), float(dataset.inputs.max())
    if not (low >= input_range[0] and high <= input_range[1]):  # not of NaN either
        raise CalibrationError(
            f"{what} holds values {low:.9g}..{high:.9g}, outside the declared input range "
            f"{input_range[0]:.9g}..{input_range[1]:.9g}; declare the range that the sensor has"
        )


def _quantize_node(request: Request) -> Outcome:
    op = request.node.op
    if type(op) not in RULES:
        raise UnsupportedOperatorError(f"{request.title}: {no_kernel(op, 'int8')}")
    return RULES[type(op)](request)


def _quantized(tensor: Tensor, params: QuantParams) -> Tensor:
    # The legal bytes say the range: who declared it must not change the identity.
    return replace(tensor, dtype=params.dtype, quant=params, declared_range=None)
