"""Prints what binds a firmware project to one model: names that do not depend on the model's."""

import textwrap
from collections.abc import Sequence
from typing import Any

from pyexport.codegen.context import build_context
from pyexport.codegen.info import HeaderInfo, Port
from pyexport.codegen.render import template_environment
from pyexport.codegen.stream import stream_context
from pyexport.codegen.text import C_TYPES
from pyexport.program import Program

_CODES = {
    "u8": "MODEL_U8",
    "s8": "MODEL_S8",
    "f32": "MODEL_F32",
    "u16": "MODEL_U16",
    "s16": "MODEL_S16",
}
_ITEM_BYTES = {"u8": 1, "s8": 1, "u16": 2, "s16": 2, "f32": 4}
_MACROS = ("IDENTITY", "INPUT_SIZE", "OUTPUT_SIZE", "SCRATCH_SIZE")


def render_names(program: Program, info: HeaderInfo, profile: str) -> str:
    """Return the text of pyexport.h, which gives a model's header the names MODEL_... and model_...

    A model called "model" has some of these names already; those are left out.
    """
    context = build_context(program, info, None)
    upper = info.name.upper()
    single = info.is_single
    has_argmax = single and context["outputs"][0]["argmax"] is not None
    stream = stream_context(program, info)
    functions = ["selftest", *(["argmax"] if has_argmax else [])]
    if single:
        functions = [stream["call"], f"{stream['call']}_scratch", *functions]
    names = list(_MACROS if single else ("IDENTITY", "SCRATCH_SIZE"))
    if context["decision"]:
        functions.append("decide")
        names.append("THRESHOLD")
    macros = [(f"MODEL_{macro}", f"{upper}_{macro}") for macro in names]
    macros += [(f"model_{function}", f"{info.name}_{function}") for function in functions]
    types = [(f"{info.name}_scratch_t", "model_scratch_t")]
    if program.states:
        macros.append(("MODEL_STATE_BYTES", f"{upper}_STATE_BYTES"))
        macros.append(("model_reset", f"{info.name}_reset"))
        types.append((f"{info.name}_state_t", "model_state_t"))
    ports = {"input": _blob(info.inputs, "in"), "output": _blob(info.outputs, "out")}
    text = (
        template_environment()
        .get_template("firmware/names.h.j2")
        .render(
            info=info,
            upper=upper,
            profile=profile,
            identity=_identity_lines(info.identity),
            **ports,
            tables={
                "flash": _flash_bytes(program, info),
                "ram": program.arena_bytes
                + program.state_bytes
                + sum(port["bytes"] for port in ports.values()),
            },
            has_argmax=1 if has_argmax else 0,
            single=single,
            has_state=bool(program.states),
            call=stream["call"],
            parameter=stream["parameter"],
            argument=stream["argument"].strip(),
            pointers=",\n        ".join(ports["input"]["pointers"] + ports["output"]["pointers"]),
            macros=[pair for pair in macros if pair[0] != pair[1]],
            types=[pair for pair in types if pair[0] != pair[1]],
        )
    )
    return text.rstrip() + "\n"


def _blob(ports: Sequence[Port], base: str) -> dict[str, Any]:
    """Return how the tensors lie in one block of bytes, which crosses the link (docs/link.md).

    In order, each at the next multiple of its own element size; the block is an array of the
    widest elements.
    """
    const = "const " if base == "in" else ""
    widest = max(ports, key=lambda port: _ITEM_BYTES[port.dtype])
    pointers, at = [], 0
    for port in ports:
        item, c_type = _ITEM_BYTES[port.dtype], C_TYPES[port.dtype]
        at = -(-at // item) * item
        pointers.append(f"({const}{c_type} *)({const}void *)(({const}uint8_t *){base} + {at})")
        at += port.size * item
    item = _ITEM_BYTES[widest.dtype]
    size = -(-at // item)
    return {
        "code": _CODES[widest.dtype],
        "bytes": size * item,
        "size": size,
        "type": C_TYPES[widest.dtype],
        "pointers": pointers,
    }


def _identity_lines(identity: str) -> list[str]:
    """Return the 32 bytes of the identity as C constants, eight a line."""
    pairs = ", ".join(f"0x{pair}" for pair in textwrap.wrap(identity, 2))
    return textwrap.wrap(pairs, 8 * 6)


def _flash_bytes(program: Program, info: HeaderInfo) -> int:
    return program.const_bytes + len(info.vectors.data)
