"""The real range of each input: declared, or observed on calibration rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pyexport.artifact import Artifact
from pyexport.errors import CalibrationError, UsageError
from pyexport.frontends.port_samples import InputPort
from pyexport.ir import Dataset, Graph, Metadata, Model
from pyexport.layout import user_shape
from pyexport.port_names import c_name
from pyexport.quantize.observers import Range
from pyexport.quantize.ptq import check_inside, input_rows
from pyexport.rows import input_tensors
from pyexport.statement_values import is_range
from pyexport.untrusted import printable

Declared = Range | Mapping[str, Range] | None  # one for all inputs, or by name ("": all others)


@dataclass(frozen=True)
class Known:
    """What is known of one input."""

    name: str  # of the tensor
    title: str  # as messages call it: "" where there is one input
    range: Range | None
    is_declared: bool


def input_titles(model: Model) -> tuple[str, ...]:
    """Return what the user's model calls its inputs; input0, input1, ... where it says nothing."""
    count = len(model.graph.inputs)
    if len(model.inputs) == count:
        return model.inputs
    return tuple(f"input{i}" for i in range(count))


def sample_ports(model: Model) -> list[InputPort]:
    """Return what a file of rows may call the inputs of a model, and their shapes."""
    titles, tensors = input_titles(model), input_tensors(model.graph)
    return [
        InputPort((title, c_name(title)), user_shape(tensor))
        for title, tensor in zip(titles, tensors, strict=True)
    ]


def artifact_ports(artifact: Artifact) -> list[InputPort]:
    """Return what a file of rows may call the inputs of an exported model, and their shapes."""
    return [
        InputPort((tensor.name, tensor.name.rstrip("_")), user_shape(tensor))
        for tensor in input_tensors(artifact.graph)
    ]


def known_inputs(
    graph: Graph, titles: tuple[str, ...], metadata: Metadata, declared: Declared
) -> tuple[Known, ...]:
    """Return the range of each input, None where neither a statement nor data tell one.

    `declared` comes before what the model's file states. Rows outside a declared range are refused.
    """
    where = metadata.source_name
    several = len(graph.inputs) > 1
    own = declared if isinstance(declared, Mapping) else {}
    for_all = own.get("", metadata.input_range)
    if declared is not None and not isinstance(declared, Mapping):
        for_all = declared
    _refuse_unknown(own, titles, where)
    found = []
    for name, title in zip(graph.inputs, titles, strict=True):
        shown = printable(title) if several else ""
        stated = own.get(title, own.get(c_name(title), for_all))
        rows = {
            what: input_rows(data, graph, name)
            for what, data in (
                ("calibration", metadata.calibration),
                ("evaluation", metadata.evaluation),
            )
        }
        if stated is not None:
            _check(rows, stated, where, shown)
            found.append(Known(name, shown, stated, True))
        else:
            found.append(Known(name, shown, _observed(rows["calibration"], where, shown), False))
    return tuple(found)


def range_words(declared: Declared) -> list[str]:
    """Return the words of the command line that declare the same ranges."""
    pairs = declared.items() if isinstance(declared, Mapping) else [("", declared)]
    return [
        word
        for name, limits in pairs
        if limits is not None
        for word in (
            "--input-range",
            f"{name}{'=' if name else ''}{limits[0]:.17g}:{limits[1]:.17g}",
        )
    ]


def check_declared(declared: Declared) -> None:
    """Raise UsageError unless each range is two finite numbers, the lower first."""
    pairs = declared.items() if isinstance(declared, Mapping) else [("", declared)]
    for name, limits in pairs:
        if limits is not None and not is_range(*limits):
            of = f" of {printable(name)}" if name else ""
            raise UsageError(
                f"the input range{of} must be two finite numbers, the lower first, not "
                f"{limits[0]!r}:{limits[1]!r}"
            )


def undeclared_warnings(graph: Graph, known: tuple[Known, ...]) -> tuple[str, ...]:
    """Return the warnings that ranges of an exported graph were observed; 16 bits hold more."""
    found = []
    for one, tensor in zip(known, input_tensors(graph), strict=True):
        sixteen = tensor.quant is not None and tensor.quant.dtype not in ("u8", "s8")
        if one.range is None or one.is_declared or sixteen:
            continue
        of = f" of {one.title}" if one.title else ""
        found.append(
            f"no input range{of} is declared; taking {one.range[0]:.9g}..{one.range[1]:.9g} from "
            "the calibration data, inputs outside it are clamped; --input-range "
            f"{_option(one)} declares another"
        )
    return tuple(found)


def refuse_without_range(known: tuple[Known, ...], sidecar: str) -> None:
    """Raise CalibrationError unless each input has a range."""
    missing = [one for one in known if one.range is None]
    if not missing:
        return
    if not missing[0].title:
        raise CalibrationError(
            "the file tells no input range and holds no calibration data; "
            "pass --input-range LOW:HIGH or --calibration FILE, or save it with pyexport.save("
            "model, example, path, input_range=(low, high), calibration=rows), or write "
            f"range = [low, high] under [input] in {sidecar} beside it if no pyexport.save made it"
        )
    raise CalibrationError(
        f"nothing tells the range of the input {' or '.join(one.title for one in missing)}; pass "
        f"--input-range {_option(missing[0])} for each, or --calibration ROWS.npz with an array of "
        "rows for each input, called after it"
    )


def _option(one: Known) -> str:
    return f"{one.title}{'=' if one.title else ''}LOW:HIGH"


def _refuse_unknown(own: Mapping[str, Range], titles: tuple[str, ...], where: str) -> None:
    known = {"", *titles, *map(c_name, titles)}
    for name in own:
        if name not in known:
            raise UsageError(
                f"{where}: no input is called {printable(name, 40)}; there are "
                f"{', '.join(map(printable, titles))}"
            )


def _check(rows: Mapping[str, Dataset | None], limits: Range, where: str, title: str) -> None:
    for what, data in rows.items():
        if data is not None and len(data.inputs):
            of = f" of {title}" if title else ""
            check_inside(data, limits, f"{where}: the {what} data{of}")


def _observed(rows: Dataset | None, where: str, title: str) -> Range | None:
    """Return the range of calibration rows; raises CalibrationError if they give none."""
    if rows is None or len(rows.inputs) == 0:
        return None
    observed = (float(rows.inputs.min()), float(rows.inputs.max()))
    if not (observed[0] < observed[1] and math.isfinite(observed[1] - observed[0])):
        of, option = (f" of {title}", f"{title}=") if title else ("", "")
        raise CalibrationError(
            f"{where}: no input range{of} is declared, and the calibration data "
            f"{observed[0]:.9g}..{observed[1]:.9g} give none; pass --input-range {option}LOW:HIGH"
        )
    return observed
