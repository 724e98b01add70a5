"""Lowers the ATen operators of a torch.export graph to the IR: a table operator -> function."""

from __future__ import annotations

from collections.abc import Iterator

from pyexport.errors import PyexportError, UnsupportedModelError
from pyexport.frontends.aten_activation import ACTIVATION
from pyexport.frontends.aten_arithmetic import ARITHMETIC, fold_constants
from pyexport.frontends.aten_conv import CONV
from pyexport.frontends.aten_linear import LINEAR
from pyexport.frontends.aten_normalize import NORMALIZE
from pyexport.frontends.aten_pool import POOL
from pyexport.frontends.aten_recurrent import RECURRENT
from pyexport.frontends.aten_shape import SHAPE, VIEWS
from pyexport.frontends.aten_spiking import SPIKING
from pyexport.frontends.aten_table import Table
from pyexport.frontends.graph_builder import Value
from pyexport.frontends.lowering import Layered, Lowering, Result
from pyexport.frontends.pt2 import Call, ExportedProgram
from pyexport.frontends.whole_batch import with_whole_batch
from pyexport.ir import Graph

OPERATORS: Table = {
    **LINEAR,
    **CONV,
    **POOL,
    **ACTIVATION,
    **NORMALIZE,
    **ARITHMETIC,
    **SHAPE,
    **RECURRENT,
    **SPIKING,
}


def lower(program: ExportedProgram, where: str) -> tuple[Graph, tuple[str, ...]]:
    """Return the float graph and what the user should know about it."""
    lowering = start(program, where)
    for error in training_errors(lowering):
        raise error
    for call in program.calls:
        result = evaluate(lowering, call)
        if result is not None:
            lowering.record(call, result)
    graph = lowering.builder.finish(*_outputs(lowering))
    if not graph.nodes:
        raise UnsupportedModelError(f"{where}: the model returns its input; it has no layer")
    return graph, tuple(lowering.warnings)


def start(program: ExportedProgram, where: str) -> Lowering:
    """Return a lowering that knows the inputs; raises UnsupportedModelError."""
    return Lowering(program, where, VIEWS)


def training_errors(low: Lowering) -> Iterator[PyexportError]:
    """Yield an error for each BatchNorm in training mode; its counter confuses later ones."""
    for call in low.program.calls:
        if call.target == "aten.batch_norm.default" and call.arguments.get("training") is not False:
            yield low.training_mode(call)


def evaluate(low: Lowering, call: Call) -> Result | None:
    """Return what a call computes; None if it only checks something."""
    constant = fold_constants(low, call)
    if constant is not None:
        return constant
    handler = OPERATORS.get(call.target)
    if handler is None:
        raise low.unsupported(call)
    try:
        return with_whole_batch(low, call, handler)
    except ValueError as error:  # an operator that refuses its attributes or operands
        raise UnsupportedModelError(f"{low.at(call)}: {error}") from None


def _outputs(low: Lowering) -> list[Value]:
    outputs = []
    for name in low.program.outputs:
        known = low.values.get(name)
        if isinstance(known, Layered) and len(known.layers) == 1:
            outputs.append(known.layers[0])
        else:
            outputs.append(low.value(name, low.where))
    if not outputs:
        raise UnsupportedModelError(f"{low.where}: the model has 0 outputs; return a tensor")
    if len({output.index for output in outputs}) < len(outputs):
        raise UnsupportedModelError(
            f"{low.where}: the model returns one tensor twice; return it once"
        )
    return outputs
