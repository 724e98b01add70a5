"""Builds what model.h.j2 prints from a Program and a HeaderInfo: plain texts and numbers."""

import zlib
from typing import Any

from pyexport.codegen.identifiers import comment_text, string_literal, utf8
from pyexport.codegen.info import HeaderInfo
from pyexport.codegen.ports import port_texts, predict_arguments, predict_note
from pyexport.codegen.stream import state_buffer, stream_context
from pyexport.codegen.text import (
    C_TYPES,
    c_float,
    columns,
    table_values,
)
from pyexport.errors import UnsupportedModelError
from pyexport.program import Buffer, Program, Step, element_kind
from pyexport.targets import Target

MAX_AVR_TABLES = 32767  # bytes: avr-gcc's largest object; far reads are not implemented
MAX_AVR_NEAR = 64_000  # bytes of tables and vectors that near reads reach, beside some of others


def build_context(program: Program, info: HeaderInfo, target: Target | None) -> dict[str, Any]:
    """Return the variables of model.h.j2 but for the kernels' bodies, which render adds."""
    name = info.name
    inputs, outputs = port_texts(info)
    return {
        "info": _info(info),
        "name": name,
        "upper": name.upper(),
        "target": target,
        "stream": stream_context(program, info),
        "inputs": inputs,
        "outputs": outputs,
        "arguments": predict_arguments(inputs, outputs),
        "call": ", ".join(port["symbol"] for port in (*inputs, *outputs)),
        "predict_note": predict_note(inputs, outputs, "step" if program.states else "inference"),
        "scratch": _scratch(program),
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


def kernel_functions(program: Program, name: str) -> dict[str, str]:
    """Return the C function that computes each node; equal specializations share the first's."""
    firsts: dict[tuple[str, tuple[tuple[str, int | str], ...]], str] = {}
    return {
        step.node: firsts.setdefault((step.kernel, step.params), f"{name}_{step.node}")
        for step in plain_steps(program)
        if not step.is_free
    }


def call_arguments(step: Step, program: Program, name: str) -> str:
    """Return the C arguments: inputs, tables, node number if traced, workspace, outputs."""
    reads = [_buffer_name(program.buffer(b), program) for b in step.reads]
    writes = [_buffer_name(program.buffer(b), program) for b in step.writes]
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


def _scratch(program: Program) -> dict[str, Any]:
    """Return the caller's working memory: elements of the one wide type in it, or of several.

    Bytes may lie among wider elements, but C finds an object only through its own type: where
    elements of several types are to lie, one of the scratch is declared as a union of them all.
    """
    wide = _scratch_types(program)
    c_type, item = wide[0]
    members = [{"type": t, "name": t.removesuffix("_t"), "count": item // size} for t, size in wide]
    return {
        "size": max(program.arena_bytes // item, 1),
        "bytes": program.arena_bytes,
        "planned": max(program.arena_bytes, item),  # C has no array of nothing
        "type": c_type,
        "members": members if len(members) > 1 else [],
    }


def _scratch_types(program: Program) -> list[tuple[str, int]]:
    """Return the C types of the wide elements in the scratch and their bytes, the widest first.

    Without wide ones these are bytes; without any buffer they are as wide as those of the input.
    """
    buffers = [b for b in program.buffers if b.kind in ("arena", "line")]
    found: dict[str, tuple[str, int]] = {}
    for buffer in buffers or [program.buffer(program.inputs[0])]:
        if kind := element_kind(buffer.dtype):
            found.setdefault(kind, (C_TYPES[buffer.dtype], buffer.item_bytes))
    return sorted(found.values(), key=lambda wide: -wide[1]) or [(C_TYPES["u8"], 1)]


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


def _buffer_name(buffer: Buffer, program: Program) -> str:
    single = len(program.inputs) == len(program.outputs) == 1
    if buffer.inside or not single:  # of several, each has the name of its tensor
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
        start, const = _buffer_name(home, program), home.kind == "input" or home.name in old
        start_type, item = C_TYPES[home.dtype], home.item_bytes
    else:
        start, const = "scratch", False
        (start_type, item), *others = _scratch_types(program)
        if others:
            return _in_union(buffer)
    c_type = ("const " if const else "") + C_TYPES[buffer.dtype]
    if buffer.offset % item:  # bytes between elements of a wider type
        byte = "const uint8_t *" if const else "uint8_t *"
        place = f"({byte}){start} + {buffer.offset}"
    else:
        place = f"{start} + {buffer.offset // item}" if buffer.offset else start
    if start_type != C_TYPES[buffer.dtype]:
        place = f"({c_type} *)({place})"
    return {
        "declaration": f"{c_type} *const {buffer.name} = {place};",
        "note": f"{buffer.size} elements" + (f", inside {start}" if buffer.inside else ""),
    }


def _in_union(buffer: Buffer) -> dict[str, str]:
    """Return a buffer in a scratch whose elements are unions."""
    c_type, at = C_TYPES[buffer.dtype], buffer.offset // buffer.item_bytes
    place = f"({c_type} *)scratch" + (f" + {at}" if at else "")
    return {
        "declaration": f"{c_type} *const {buffer.name} = {place};",
        "note": f"{buffer.size} elements",
    }


def _selftest(program: Program, info: HeaderInfo) -> dict[str, Any]:
    tables = [const.data for const in program.consts]
    vectors = info.vectors
    crc = zlib.crc32(b"".join([*tables, vectors.data]))
    stored = [f"{info.name}_vector_{port.symbol}" for port in (*info.inputs, *info.outputs)]
    largest = max(map(len, (*vectors.inputs, *vectors.outputs)))
    near = program.const_bytes + len(vectors.data)
    return {
        "avr_limit": largest if largest > MAX_AVR_TABLES else None,
        "avr_near": near if near > MAX_AVR_NEAR else None,
        "crc32": f"0x{crc:08X}",
        "count": vectors.count,
        "steps": vectors.steps,
        "tables": [*(f"{info.name}_{const.name}" for const in program.consts), *stored],
    }
