"""What is verified: a header on disk with its artifact, an artifact, or a model file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pyexport.artifact import Artifact, read_artifact
from pyexport.errors import CheckFailedError, FileFormatError
from pyexport.fixedpoint import ITEM_BYTES
from pyexport.ir import Tensor
from pyexport.lower import lower
from pyexport.program import Program, Step
from pyexport.rows import (
    has_class,
    input_tensors,
    is_single,
    output_tensors,
    row_limits,
    tensor_limits,
)
from pyexport.runners import Blob, HeaderInterface, Slot
from pyexport.targets import get_target
from pyexport.untrusted import MAX_FILE_BYTES, printable, read_regular

# (?:...)? keeps a long run of spaces from being tried in every division into two
_IDENTITY = re.compile(r'#define\s+(\w+)_IDENTITY\s*(?:\\\s*)?"([0-9a-f]{64})"')


@dataclass(frozen=True, eq=False)
class Subject:
    """A header file and the artifact that says what it must compute."""

    artifact: Artifact
    program: Program
    header: Path
    title: str = ""  # what errors call it where the header is a file that will be gone

    @property
    def shown(self) -> str:
        """What errors call the header."""
        return self.title or str(self.header)

    @property
    def interface(self) -> HeaderInterface:
        """What a runner must know of the header."""
        return header_interface(self.artifact, self.program)


def header_interface(artifact: Artifact, program: Program) -> HeaderInterface:
    """Return the C interface of an artifact's header."""
    inputs, outputs = input_tensors(artifact.graph), output_tensors(artifact.graph)
    lows, highs = row_limits(artifact.graph)
    taken, given = (tuple(map(_slot, tensors)) for tensors in (inputs, outputs))
    blob_in, blob_out = Blob(taken), Blob(given)
    single = is_single(artifact.graph)
    return HeaderInterface(
        name=artifact.name,
        input_dtype=blob_in.element,
        input_size=blob_in.size,
        output_dtype=blob_out.element,
        output_size=blob_out.size,
        accumulator_dtype="s32" if artifact.scheme == "int8" else "f32",
        trace_sizes=program.trace_sizes,
        has_argmax=any(map(has_class, outputs)),
        parameter_symbols=tuple(f"{artifact.name}_{const.name}" for const in program.consts),
        input_low=float(lows.min()),
        input_high=float(highs.max()),
        inputs=() if single else taken,
        outputs=() if single else given,
        decides=artifact.least_yes is not None,
        scratch_bytes=program.arena_bytes,
        scratch_written=_written(program),
        state_bytes=program.state_bytes,
        steps=artifact.steps or 0,
    )


def _slot(tensor: Tensor) -> Slot:
    low, high = tensor_limits(tensor)
    return Slot(tensor.name, tensor.dtype, tensor.size, low, high, has_class(tensor))


def _written(program: Program) -> int:
    """Return the end of the highest tensor of the arena that a step writes, workspaces aside."""
    ends = [
        buffer.offset + buffer.bytes
        for step in program.steps
        if isinstance(step, Step) and not step.is_free
        for buffer in map(program.buffer, step.writes)
        if buffer.kind == "arena"
    ]
    return max(ends, default=0)


def uses_own_templates(artifact: Artifact) -> bool:
    """Return whether the header was printed from templates that are not pyexport's."""
    return "--templates" in artifact.options


def lower_artifact(artifact: Artifact) -> Program:
    """Return the Program that the artifact's header was printed from."""
    target = get_target(artifact.target) if artifact.target is not None else None
    return lower(artifact.graph, target, artifact.choices)


def subject_from_header(header: Path) -> Subject:
    """Return a header on disk with the .px file beside it.

    Raises FileFormatError if either is missing or no export of ours, CheckFailedError if the two
    come from different exports.
    """
    data = read_regular(header, MAX_FILE_BYTES, "the header of an export")
    name, identity = header_identity(data, printable(header, 300))
    px = header.with_suffix(".px")
    if not px.exists():
        raise FileFormatError(
            f"{header}: {px.name} must lie beside it, it says what the header computes; "
            "copy it here or export again"
        )
    artifact = read_artifact(px)
    if artifact.name.upper() != name or artifact.identity != identity:
        raise CheckFailedError(
            f"{header}: it is another export than {px.name} (identity {identity[:16]} "
            f"against {artifact.identity[:16]}); export again"
        )
    return Subject(artifact, lower_artifact(artifact), header)


def header_identity(data: bytes, where: str) -> tuple[str, str]:
    """Return the upper-case name and the identity that a header defines."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{where}: cannot be read as a header ({error})") from None
    found = _IDENTITY.search(text)
    if found is None:
        raise FileFormatError(f"{where}: not a header that pyexport wrote: it has no identity")
    return found.group(1), found.group(2)


def input_bytes(artifact: Artifact) -> int:
    """Return the bytes of one input, or of all of them."""
    return sum(t.size * ITEM_BYTES[t.dtype] for t in input_tensors(artifact.graph))


def output_bytes(artifact: Artifact) -> int:
    """Return the bytes of one output, or of all of them."""
    return sum(t.size * ITEM_BYTES[t.dtype] for t in output_tensors(artifact.graph))
