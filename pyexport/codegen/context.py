"""Builds what model.h.j2 prints from a Program and a HeaderInfo: plain texts and numbers."""

import struct
import zlib
from typing import Any

from pyexport.codegen.identifiers import comment_text, string_literal, utf8
from pyexport.codegen.info import HeaderInfo, Port
from pyexport.codegen.stream import state_buffer, stream_context
from pyexport.codegen.text import (
    C_TYPES,
    READERS,
    c_float,
    columns,
    fits_float,
    signed,
    table_values,
)
from pyexport.errors import UnsupportedModelError
from pyexport.program import Buffer, Program, Step
from pyexport.targets import Target

MAX_AVR_TABLES = 32767  # bytes: avr-gcc's largest object; far reads are not implemented
MAX_AVR_NEAR = 64_000  # bytes of tables and vectors that near reads reach, beside some of others


def build_context(program: Program, info: HeaderInfo, target: Target | None) -> dict[str, Any]:
    """Return the variables of model.h.j2 but for the kernels' bodies, which render adds."""
    name = info.name
    return {
        "info": _info(info),
        "name": name,
        "upper": name.upper(),
        "target": target,
        "stream": stream_context(program, info),
        "input": _port(info.input, is_input=True),
        "output": _port(info.output, is_input=False),
        "scratch": _scratch(program),
        "argmax": _argmax(info.output),
        "decision": _decision(info),
        "layers": _layers(program, info),
        "labels": _labels(info),
        "buffers": [
            _buffer(b, program)
            for b in sorted(program.buffers, key=lambda b: b.kind != "state" or bool(b.inside))
            if _is_declared(b, program)
        ],
        "uses_scratch": any(
            not b.inside and b.kind != "state" and _is_declared(b, program) for b in program.buffers
        ),
        "selftest": _selftest(program, info),
        "avr_limit": program.const_bytes if program.const_bytes > MAX_AVR_TABLES else None,
    }


def plain_steps(program: Program) -> list[Step]:
    """Return the steps; raises UnsupportedModelError for row loops."""
    steps = [step for step in program.steps if isinstance(step, Step)]
    if len(steps) != len(program.steps):
        raise UnsupportedModelError("the program holds a row loop, which no template prints")
    return steps


def call_arguments(step: Step, program: Program, name: str) -> str:
    """Return the C arguments: inputs, tables, node number if traced, workspace, outputs."""
    reads = [_buffer_name(program.buffer(b)) for b in step.reads]
    writes = [_buffer_name(program.buffer(b)) for b in step.writes]
    tables = [f"{name}_{const}" for const in step.consts]
    workspace = [step.workspace] if step.workspace else []
    number = [str(step.trace)] if step.trace >= 0 else []
    return ", ".join([*reads, *tables, *number, *workspace, *writes])


def _info(info: HeaderInfo) -> dict[str, Any]:
    width = max(len(label) for label, _ in info.facts) + 2
    integer = info.scheme == "int8"
    promises = (
        "C99 or C++11, two's complement. No heap, no libc, no recursion, no 64-bit type"
        + (", no floating" if integer else "."),
        "point on the predict path. Re-entrant: nothing is kept between calls."
        if integer
        else "Build with -ffp-contract=off where the chip has fused multiply-add. Re-entrant.",
        "Include it from the source file that runs the model.",
    )
    if info.vectors.steps:
        kept = f"point in a step. Re-entrant: what is kept lies in your {info.name}_state_t alone."
        promises = (promises[0], kept, promises[2])
    return {
        "name": info.name,
        "version": info.version,
        "identity": info.identity,
        "title": comment_text(info.title),
        "command": comment_text(info.command),
        "facts": [(label.ljust(width), comment_text(text)) for label, text in info.facts],
        "promises": promises,
    }


def _port(port: Port, *, is_input: bool) -> dict[str, Any]:
    layout = f", {port.layout}" if port.layout else ""
    shape = f" ({'x'.join(str(n) for n in port.shape)}{layout})" if len(port.shape) > 1 else ""
    unit = f", {comment_text(port.unit)}" if port.unit else ""
    what = "Input" if is_input else "Output"
    what += f" {comment_text(port.name)}" if port.name else ""
    stated = [comment_text(note) for note in port.notes]
    values_word = "value" if port.size == 1 else "values"
    columns = _columns(port)
    common = {
        "steps": None,
        "size": port.size,
        "type": C_TYPES[port.dtype],
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


def _scratch(program: Program) -> dict[str, Any]:
    """Return the caller's working memory: elements as wide as the widest that lies in it."""
    dtype, item = _scratch_item(program)
    return {
        "size": max(program.arena_bytes // item, 1),
        "bytes": program.arena_bytes,
        "planned": max(program.arena_bytes, item),  # C has no array of nothing
        "type": C_TYPES[dtype],
    }


def _scratch_item(program: Program) -> tuple[str, int]:
    """Return type and bytes of a scratch element; without buffers those of the input."""
    buffers = [b for b in program.buffers if b.kind in ("arena", "line")]
    widest = max(
        buffers or [program.buffer(program.inputs[0])], key=lambda buffer: buffer.item_bytes
    )
    return ("u8" if widest.item_bytes == 1 else widest.dtype), widest.item_bytes


def _argmax(output: Port) -> dict[str, Any] | None:
    if not 2 <= output.size <= 0xFFFF:
        return None
    return {"type": "uint8_t" if output.size <= 0xFF else "uint16_t"}


def _decision(info: HeaderInfo) -> dict[str, str] | None:
    decision = info.decision
    if decision is None:
        return None
    value = str(decision.least) if isinstance(decision.least, int) else c_float(decision.least)
    unit = f" {comment_text(decision.unit)}" if decision.unit else ""
    return {"value": f"({value})", "real": f"{decision.threshold!r}{unit}"}


def _layers(program: Program, info: HeaderInfo) -> list[dict[str, Any]]:
    notes = dict(info.layers)
    layers = []
    printed: set[str] = set()  # nodes may share a table
    for step in plain_steps(program):
        tables = []
        for const_name in step.consts:
            if const_name in printed:
                continue
            printed.add(const_name)
            const = program.const(const_name)
            tables.append(
                {
                    "name": f"{info.name}_{const.name}",
                    "type": C_TYPES[const.dtype],
                    "extent": " * ".join(str(n) for n in const.shape),
                    "note": comment_text(const.note),
                    "body": table_values(const.dtype, const.data),
                }
            )
        if tables:
            lines = [comment_text(line) for line in notes.get(step.node, (step.node,))]
            layers.append({"notes": lines, "tables": tables})
    return layers


def _labels(info: HeaderInfo) -> dict[str, Any] | None:
    if info.labels is None:
        return None
    literals = [string_literal(label) for label in info.labels]
    width = max(len(utf8(label)) for label in info.labels) + 1
    return {"count": len(literals), "width": width, "body": columns(literals)}


def _buffer_name(buffer: Buffer) -> str:
    if buffer.inside:
        return buffer.name
    return {"input": "in", "output": "out"}.get(buffer.kind, buffer.name)


def _is_declared(buffer: Buffer, program: Program) -> bool:
    """Return whether predict has a pointer for a buffer: the caller's own have names already."""
    if buffer.kind not in ("arena", "line", "state") and not buffer.inside:
        return False
    return any(
        buffer.name in (*step.reads, *step.writes, step.workspace)
        for step in plain_steps(program)
        if not step.is_free
    )


def _buffer(buffer: Buffer, program: Program) -> dict[str, str]:
    if buffer.kind == "state" and not buffer.inside:
        return state_buffer(buffer, program)
    if buffer.inside:
        home = program.buffer(buffer.inside)
        old = {slot.read for slot in program.states}
        start, const = _buffer_name(home), home.kind == "input" or home.name in old
        start_type, item = home.dtype, home.item_bytes
    else:
        start, const = "scratch", False
        start_type, item = _scratch_item(program)
    c_type = ("const " if const else "") + C_TYPES[buffer.dtype]
    if buffer.offset % item:  # bytes between elements of a wider type
        byte = "const uint8_t *" if const else "uint8_t *"
        place = f"({byte}){start} + {buffer.offset}"
    else:
        place = f"{start} + {buffer.offset // item}" if buffer.offset else start
    if C_TYPES[start_type] != C_TYPES[buffer.dtype]:
        place = f"({c_type} *)({place})"
    return {
        "declaration": f"{c_type} *const {buffer.name} = {place};",
        "note": f"{buffer.size} elements" + (f", inside {start}" if buffer.inside else ""),
    }


def _selftest(program: Program, info: HeaderInfo) -> dict[str, Any]:
    tables = [const.data for const in program.consts]
    crc = zlib.crc32(b"".join([*tables, info.vectors.inputs, info.vectors.outputs]))
    stored = [f"{info.name}_vector_in", f"{info.name}_vector_out"]
    largest = max(len(info.vectors.inputs), len(info.vectors.outputs))
    near = program.const_bytes + len(info.vectors.inputs) + len(info.vectors.outputs)
    return {
        "avr_limit": largest if largest > MAX_AVR_TABLES else None,
        "avr_near": near if near > MAX_AVR_NEAR else None,
        "crc32": f"0x{crc:08X}",
        "count": info.vectors.count,
        "steps": info.vectors.steps,
        "inputs": table_values(info.input.dtype, info.vectors.inputs),
        "outputs": table_values(info.output.dtype, info.vectors.outputs),
        "tables": [*(f"{info.name}_{const.name}" for const in program.consts), *stored],
    }
