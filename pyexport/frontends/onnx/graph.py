"""Lowers an ONNX graph to the IR: checks, then the nodes in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pyexport.errors import (
    FileFormatError,
    PyexportError,
    UnsupportedModelError,
    UnsupportedOperatorError,
)
from pyexport.frontends.graph_builder import GraphBuilder
from pyexport.frontends.onnx.expressions import curves_of, identify
from pyexport.frontends.onnx.folding import fold
from pyexport.frontends.onnx.lowering import Computed, Known, Lowering, Pending, Stored, show
from pyexport.frontends.onnx.model import OnnxModel, OnnxNode
from pyexport.frontends.onnx.operators import INPUTS, OPERATORS
from pyexport.frontends.onnx.tensors import DTYPE_NAMES, FLOATS, Store
from pyexport.ir import Graph, Reshape
from pyexport.untrusted import printable

OPSETS = (13, 28)  # the first and the last that this version knows
EXAMPLE = "torch.onnx.export(model, (torch.zeros(1, 64),), ...)"


@dataclass(frozen=True)
class Lowered:
    """The float graph of a model, and what was learned on the way."""

    graph: Graph
    warnings: tuple[str, ...]  # for the user
    output_batches: tuple[int | None, ...]  # which axis of each output of ONNX is the batch


def lower(model: OnnxModel, where: str, store: Store, batch: int | None = 0) -> Lowered:
    """Return the float graph of a model; raises PyexportError.

    `batch` is the axis of the inputs that is the batch; with None all axes are data.
    """
    check_version(model, where)
    low = start(model, where, store, batch)
    for node in model.nodes:
        record(low, node, results_of(low, node))
    outputs = [output_of(low, name) for name in model.outputs]
    graph = low.builder.finish(*(output.value for output in outputs))
    if not graph.nodes:
        raise UnsupportedModelError(f"{where}: the model returns its input; it has no layer")
    return Lowered(graph, tuple(low.warnings), tuple(output.batch for output in outputs))


def check_version(model: OnnxModel, where: str) -> None:
    """Raise UnsupportedModelError unless the operators are of a version that is known."""
    first, last = OPSETS
    if model.opset < first:
        raise UnsupportedModelError(
            f"{where}: the model is of ONNX opset {model.opset}; {first} is the first that is "
            "read: convert it with onnx.version_converter.convert_version(onnx.load(path), 20)"
        )
    if model.opset > last:
        raise UnsupportedModelError(
            f"{where}: the model is of ONNX opset {model.opset}; {last} is the last that this "
            "version knows: export it with opset_version=20"
        )
    if not model.outputs:
        raise FileFormatError(f"{where}: the graph has no output; save the model again")


def start(model: OnnxModel, where: str, store: Store, batch: int | None = 0) -> Lowering:
    """Return a walk at its beginning: it knows the inputs. Raises UnsupportedModelError."""
    if not model.inputs:
        raise UnsupportedModelError(f"{where}: the model takes no input; give it an input tensor")
    shapes: list[tuple[int, ...]] = []
    batches: set[int | str] = set()
    for name in model.inputs:
        sizes = _input_sizes(model, name, where, batch)
        if batch is not None:
            batches.add(sizes[batch])
        rest = [n for i, n in enumerate(sizes) if i != batch]
        shapes.append(tuple(n for n in rest if isinstance(n, int)))
    if len(batches) > 1:
        raise UnsupportedModelError(
            f"{where}: the inputs have batches of {', '.join(sorted(map(printable, batches)))}; "
            "give all the same first dimension, best 1"
        )
    stated = batches.pop() if batches else 1
    builder = GraphBuilder(shapes[0], where)
    size = stated if isinstance(stated, int) else 1
    low = Lowering(model, where, store, size, builder, symbolic=not isinstance(stated, int))
    values = [builder.input, *(builder.add_input(shape) for shape in shapes[1:])]
    for name, value in zip(model.inputs, values, strict=True):
        low.values[name] = Computed(value, batch)
    return low


def _input_sizes(
    model: OnnxModel, name: str, where: str, batch: int | None
) -> tuple[int | str, ...]:
    """Return the shape of an input: float, its sizes fixed but for the batch."""
    info = model.values[name]
    shown = f"{where}: the input {printable(name)}"
    if info.dtype is not None and info.dtype not in FLOATS:
        raise UnsupportedModelError(
            f"{shown} is {DTYPE_NAMES.get(info.dtype, 'of an unknown type')}; export with a "
            "float32 example: the exporter chooses the integers"
        )
    if info.sizes is None:
        raise UnsupportedModelError(f"{shown} has no stated shape; export with fixed sizes")
    if batch is not None and len(info.sizes) < max(2, batch + 1):
        raise UnsupportedModelError(
            f"{shown} has shape {show(info.sizes)}; give the example a batch dimension: {EXAMPLE}"
        )
    for axis, size in enumerate(info.sizes):
        if axis != batch and not isinstance(size, int):
            raise UnsupportedModelError(
                f"{shown}: dimension {axis} is dynamic ({printable(size) or '?'}); only the batch "
                "may be: export with a fixed size"
            )
    if 0 in info.sizes:
        raise UnsupportedModelError(f"{shown} is empty, shape {show(info.sizes)}")
    return info.sizes


def results_of(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """Return what a node gives: stored, computed, or a part of a function; raises PyexportError."""
    _check_ports(low, node)
    constant = fold(low, node)
    if constant is not None:
        return [constant]
    curves = curves_of(low, node)
    known = identify(curves)
    if known is not None:
        base, activation = known
        return [Computed(low.one(node, activation, base.value), base.batch, curves)]
    try:
        results = _handled(low, node)
    except UnsupportedOperatorError as error:
        if not curves:
            raise
        return [Pending(error, curves)]  # it may still be a part of a function that is known
    if curves and isinstance(results[0], Computed):
        results = [replace(results[0], curves=curves), *results[1:]]
    return results


def _check_ports(low: Lowering, node: OnnxNode) -> None:
    least, most = INPUTS.get(node.operator, (1, 1))
    known = node.operator in OPERATORS
    if not node.outputs or (known and not least <= len(node.inputs) <= most):
        raise FileFormatError(
            f"{low.at(node)} has {len(node.inputs)} inputs and {len(node.outputs)} outputs; the "
            "file is damaged: check it with onnx.checker.check_model"
        )


def _handled(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    handler = OPERATORS.get(node.operator)
    if handler is not None:
        try:
            return handler(low, node)
        except PyexportError:
            raise
        except (
            ValueError,
            IndexError,
            OverflowError,
        ) as error:  # shapes that do not fit
            raise FileFormatError(
                f"{low.at(node)} has inputs that do not fit ({printable(error)}); the file is "
                "damaged: check it with onnx.checker.check_model"
            ) from None
    if node.operator in low.model.functions:
        raise low.unsupported(
            node, "is a function of the file; inline it with onnx.inliner.inline_local_functions"
        )
    for index in range(len(node.inputs)):
        known = low.known(node, index)
        if isinstance(known, Pending):  # the first operator of a chain says more than the next
            raise known.error
    raise low.unsupported(node)


def record(low: Lowering, node: OnnxNode, results: Sequence[Known]) -> None:
    """Keep the results of a node under the names that the file gives them."""
    if len(node.outputs) > len(results) and any(node.outputs[len(results) :]):
        raise low.unsupported(node, f"has {len(node.outputs)} outputs; keep {len(results)}")
    for name, result in zip(node.outputs, results, strict=False):
        if name in low.values or name in low.model.initializers:
            raise FileFormatError(
                f"{low.at(node)} computes {printable(name)} a second time; the file is damaged"
            )
        if name:
            low.values[name] = result


def output_of(low: Lowering, name: str) -> Computed:
    """Return an output of the model; raises UnsupportedModelError if it is no computed tensor."""
    value = low.values.get(name)
    if isinstance(value, Pending):
        raise value.error
    if not isinstance(value, Computed):
        what = "a constant" if isinstance(value, Stored) else "computed by no node"
        raise UnsupportedModelError(
            f"{low.where}: the output {printable(name)} is {what}; return what depends on the input"
        )
    if not value.value.shape:  # one number, which the IR keeps as (1,)
        (one,) = low.builder.apply(Reshape((1,)), (value.value,), printable(name))
        return replace(value, value=one)
    return value
