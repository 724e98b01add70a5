"""What a header says of a model with states: the struct, its reset, and where a step finds it."""

from __future__ import annotations

from typing import Any

from pyexport.codegen.info import HeaderInfo
from pyexport.codegen.text import C_TYPES
from pyexport.program import Buffer, Program


def stream_context(program: Program, info: HeaderInfo) -> dict[str, Any]:
    """Return the names of the calls, the struct's members, and what is copied into them at the end.

    Without states the calls are predict and predict_scratch, and everything else is empty.
    """
    if not program.states:
        return {"call": "predict", "parameter": "", "argument": "", "members": [], "copies": []}
    members, copies = [], []
    for slot in program.states:
        buffer = program.buffer(slot.read)
        members.append(
            {
                "name": slot.name,
                "type": C_TYPES[buffer.dtype],
                "size": buffer.size,
                "initial": slot.initial,
            }
        )
        if not slot.in_place:
            source = _pointer(program.buffer(slot.write), program)
            copies.append({"name": slot.name, "size": buffer.size, "source": source})
    used = sum(program.buffer(slot.read).bytes for slot in program.states)
    return {
        "call": "step",
        "parameter": f"{info.name}_state_t *state, ",
        "argument": "state, ",
        "members": members,
        "copies": copies,
        "bytes": program.state_bytes,
        "fillers": [program.state_bytes - used] if program.state_bytes > used else [],
    }


def state_buffer(buffer: Buffer, program: Program) -> dict[str, str]:
    """Return the declaration of a pointer into the struct."""
    (slot,) = [
        slot
        for slot in program.states
        if buffer.name == slot.read or (slot.in_place and buffer.name == slot.write)
    ]
    const = "const " if buffer.name == slot.read else ""
    return {
        "declaration": f"{const}{C_TYPES[buffer.dtype]} *const {buffer.name} = state->{slot.name};",
        "note": f"{buffer.size} elements, " + ("kept" if const else "written in place"),
    }


def _pointer(buffer: Buffer, program: Program) -> str:
    is_out = buffer.kind == "output" and not buffer.inside and len(program.outputs) == 1
    return "out" if is_out and len(program.inputs) == 1 else buffer.name
