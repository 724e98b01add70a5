"""Walks a torch.export graph to its end although parts of it cannot be exported, for `inspect`."""

from __future__ import annotations

from dataclasses import dataclass

from pyexport.errors import InvalidModelError, PyexportError, UnsupportedOperatorError
from pyexport.frontends.aten import OPERATORS, evaluate, start, training_errors
from pyexport.frontends.graph_builder import Value
from pyexport.frontends.lowering import Lowering
from pyexport.frontends.pt2 import Call, ExportedProgram, TensorRef
from pyexport.frontends.ways_out import way_out
from pyexport.untrusted import printable


@dataclass(frozen=True)
class Part:
    """A layer or a tensor of a file; texts are escaped."""

    name: str  # module path or tensor name
    what: str  # operator, layer class or dtype
    shape: tuple[int | str, ...]  # of the result, batch first; of a tensor
    numbers: int  # weights that it holds


def survey(
    program: ExportedProgram, where: str
) -> tuple[tuple[Part, ...], tuple[PyexportError, ...]]:
    """Return the operators in order, and every reason for which an export would refuse them.

    What follows from a reason already given is not given again: an operator whose operand is
    unknown is only refused for what it is, or for its own numbers.
    """
    parts = tuple(_part(program, call) for call in program.calls)
    try:
        low = start(program, where)
    except PyexportError as error:
        unknown = {call.target: call for call in program.calls if call.target not in OPERATORS}
        return parts, (error, *(_unsupported(call, where) for call in unknown.values()))
    refused: list[PyexportError] = [*training_errors(low)]
    unsure: set[str] = set()
    for call in program.calls:
        names = {a.name for a in call.arguments.values() if isinstance(a, TensorRef)}
        guessed = not names.isdisjoint(unsure) or any(name not in low.values for name in names)
        try:
            result = evaluate(low, call)
            if result is not None:
                low.record(call, result)
        except PyexportError as error:
            own = call.target not in OPERATORS or isinstance(error, InvalidModelError)
            if own or not guessed:
                refused.append(error)
            guessed = True
            for name in call.outputs:
                low.values[name] = Value(0, _stated(low, name))
        if guessed:
            unsure.update(call.outputs)
    return parts, tuple(_once(refused))


def _part(program: ExportedProgram, call: Call) -> Part:
    info = program.values.get(call.outputs[0]) if call.outputs else None
    held = [
        program.parameters[a.name]
        for a in call.arguments.values()
        if isinstance(a, TensorRef) and a.name in program.parameters
    ]
    layer = f" ({printable(call.module_class, 40)})" if call.module_class else ""
    return Part(
        printable(call.module),
        printable(call.target) + layer,
        tuple(n if isinstance(n, int) else printable(n, 20) for n in info.sizes) if info else (),
        sum(parameter.array.size for parameter in held),
    )


def _unsupported(call: Call, where: str) -> PyexportError:
    return UnsupportedOperatorError(
        f"{where}: {printable(call.target)} is not supported; {way_out(call.target)}"
    )


def _stated(low: Lowering, name: str) -> tuple[int, ...]:
    """Return the shape that the file states for a value, without the batch."""
    info = low.program.values.get(name)
    return tuple(n for n in info.sizes[1:] if isinstance(n, int)) if info else ()


def _once(errors: list[PyexportError]) -> list[PyexportError]:
    return list({str(error): error for error in errors}.values())
