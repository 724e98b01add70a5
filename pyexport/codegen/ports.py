"""The inputs and outputs of a header as texts: comments, macros, and the arguments of predict."""

import struct
import textwrap
from collections.abc import Sequence
from typing import Any

from pyexport.codegen.identifiers import comment_text
from pyexport.codegen.info import HeaderInfo, Port
from pyexport.codegen.text import C_TYPES, READERS, c_float, fits_float, signed, table_values

_LINE = 88  # of a comment


def port_texts(info: HeaderInfo) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what the templates print of each input, and of each output.

    `suffix` ends the names of functions and, in upper case, of macros: input and output, or the
    tensor's own name where there are several (class, if the argument `symbol` is class_).
    `variable` is a name for an array outside of predict.
    """
    single = info.is_single
    inputs = [_port(port, is_input=True, is_single=single) for port in info.inputs]
    outputs = [_port(port, is_input=False, is_single=single) for port in info.outputs]
    for port, text, data in (
        *zip(info.inputs, inputs, info.vectors.inputs, strict=True),
        *zip(info.outputs, outputs, info.vectors.outputs, strict=True),
    ):
        text["variable"] = text["kind"] if single else f"{text['kind']}_{port.suffix}"
        text["macro"] = f"{info.name.upper()}_{text['suffix'].upper()}"
        text["vectors"] = table_values(port.dtype, data) if data else ""
    for port, text in zip(info.outputs, outputs, strict=True):
        text["argmax"] = _argmax(info, port)
    return inputs, outputs


def predict_arguments(
    inputs: Sequence[dict[str, Any]], outputs: Sequence[dict[str, Any]]
) -> list[str]:
    """Return the C declarations of predict's arguments in order, without the scratch."""
    taken = [f"const {p['type']} {p['symbol']}[{p['macro']}_SIZE]" for p in inputs]
    return taken + [f"{p['type']} {p['symbol']}[{p['macro']}_SIZE]" for p in outputs]


def predict_note(
    inputs: Sequence[dict[str, Any]], outputs: Sequence[dict[str, Any]], call: str
) -> str:
    """Return the comment above predict, or above step; call: what one of them is, "inference"."""
    taken = [f"{p['symbol']}: values {p['range']}" for p in inputs]
    given = ", ".join(p["symbol"] for p in outputs) + ": written whole"
    text = f"One {call}. {'; '.join([*taken, given])}. Scratch lies on the stack."
    if len(taken) == len(outputs) == 1:
        return text
    return "\n * ".join(textwrap.wrap(text, _LINE))


def _argmax(info: HeaderInfo, output: Port) -> dict[str, Any] | None:
    if not 2 <= output.size <= 0xFFFF:
        return None
    suffix = "" if info.is_single else f"_{output.suffix}"
    return {
        "type": "uint8_t" if output.size <= 0xFF else "uint16_t",
        "name": f"{info.name}_argmax{suffix}",
    }


def _port(port: Port, *, is_input: bool, is_single: bool) -> dict[str, Any]:
    layout = f", {port.layout}" if port.layout else ""
    shape = f" ({'x'.join(str(n) for n in port.shape)}{layout})" if len(port.shape) > 1 else ""
    unit = f", {comment_text(port.unit)}" if port.unit else ""
    what = "Input" if is_input else "Output"
    called = port.name or ("" if is_single else port.suffix)
    what += f" {comment_text(called)}" if called else ""
    stated = [comment_text(note) for note in port.notes]
    values_word = "value" if port.size == 1 else "values"
    columns = _columns(port)
    common = {
        "symbol": port.symbol,
        "kind": "input" if is_input else "output",
        "suffix": ("input" if is_input else "output") if is_single else port.suffix,
        "steps": None,
        "size": port.size,
        "type": C_TYPES[port.dtype],
        "wide": "int32_t" if port.dtype == "u16" else "int16_t",  # holds every value as signed
        "read": READERS[port.dtype],
        "has_scale": False,
    }
    if port.scale is None:
        notes = [f"{what}: {port.size} {values_word}{shape}, float32{unit}.", *stated]
        return {**common, "notes": notes, "macros": [], "range": "float32"}
    if port.has_steps:
        span = f"{port.low}..{port.high}"
        head = f"{what}: {port.size} {values_word}{shape}, {port.dtype}, {span}{unit}."
        macros = [("LOW", signed(port.low)), ("HIGH", signed(port.high))]
        notes = [head, *stated, *columns]
        if not all(fits_float(column.step) for column in port.columns):
            notes.append("C's float does not hold all steps: no function divides by them.")
            return {**common, "notes": notes, "macros": macros, "range": span}
        steps = {
            "count": len(port.columns),
            "table": table_values(
                "f32", struct.pack(f"<{len(port.columns)}f", *(c.step for c in port.columns))
            ),
        }
        return {**common, "notes": notes, "macros": macros, "range": span, "steps": steps}
    has_scale = fits_float(port.scale)
    macros = [
        *([("SCALE", c_float(port.scale))] if has_scale else []),
        ("ZERO_POINT", signed(port.zero_point)),
        ("LOW", signed(port.low)),
        ("HIGH", signed(port.high)),
    ]
    span = f"{port.low}..{port.high}"
    notes = [f"{what}: {port.size} {values_word}{shape}, {port.dtype}, {span}{unit}."]
    if port.scale == 1.0 and port.zero_point == 0:
        number = "byte" if port.dtype in ("u8", "s8") else "number"
        notes.append(f"The raw value is the {number}: nothing is rescaled.")
    else:
        real_low = port.scale * (port.low - port.zero_point)
        real_high = port.scale * (port.high - port.zero_point)
        notes.append(f"real = SCALE * (q - ZERO_POINT): {real_low:.6g} to {real_high:.6g}.")
    if not has_scale:
        notes.append(f"SCALE is {port.scale:.9g}, which C's float does not hold: no macro for it.")
    notes += [*stated, *columns]
    return {**common, "notes": notes, "macros": macros, "range": span, "has_scale": has_scale}


def _columns(port: Port) -> list[str]:
    """Return what the header says about the columns of an input that a front end reads."""
    if not port.columns:
        return []
    if not port.has_steps and not any(column.name for column in port.columns):
        return ["A front end reads it, where a column saturates outside its range."]
    names = [comment_text(column.name) for column in port.columns]
    width = max(len(name) for name in names)
    lines = ["Column c holds real / step; the front end saturates outside its range:"]
    for number, (name, column) in enumerate(zip(names, port.columns, strict=True)):
        text = f"{number:>4}  {name.ljust(width)}  step {column.step:g}, "
        text += f"{column.low:.6g} to {column.high:.6g}" if column.is_used else "not used"
        lines.append(text)
    return lines
