"""The inputs of a torch.export graph, checked; how messages write shapes and types."""

from __future__ import annotations

from pyexport.errors import UnsupportedModelError
from pyexport.frontends.floats import DTYPE_NAMES, FLOATS
from pyexport.frontends.pt2 import ExportedProgram, TensorInfo
from pyexport.untrusted import printable

BATCH_HINT = "give the example a batch dimension, e.g. torch.zeros(1, 64)"


def model_inputs(program: ExportedProgram, where: str) -> list[tuple[str, TensorInfo]]:
    """Return name and description of the model's inputs: float, batch first, sizes fixed.

    Raises UnsupportedModelError.
    """
    infos = [(name, _input_info(program, name, where)) for name in program.inputs]
    if not infos:
        raise UnsupportedModelError(f"{where}: the model takes 0 inputs; give it a tensor")
    batches = {info.sizes[0] for _, info in infos}
    if len(batches) > 1:
        raise UnsupportedModelError(
            f"{where}: the inputs have batches of {', '.join(sorted(map(printable, batches)))}; "
            "give all examples the same first dimension, best 1"
        )
    return infos


def _input_info(program: ExportedProgram, name: str, where: str) -> TensorInfo:
    info = program.values.get(name)
    if info is None:
        raise UnsupportedModelError(f"{where}: an input of the model is not a tensor")
    if info.dtype not in FLOATS:
        raise UnsupportedModelError(
            f"{where}: the input {printable(name)} is {dtype_name(info.dtype)}; save with a "
            "float32 example (example.float()): the exporter chooses the integers"
        )
    if len(info.sizes) < 2:
        raise UnsupportedModelError(
            f"{where}: the input has shape {show(info.sizes)}; {BATCH_HINT}"
        )
    for axis, size in enumerate(info.sizes[1:], 1):
        if not isinstance(size, int):
            raise UnsupportedModelError(
                f"{where}: the input's dimension {axis} is symbolic ({printable(size)}); only the "
                "batch may be dynamic: export with a fixed size"
            )
    if 0 in info.sizes:
        raise UnsupportedModelError(f"{where}: the input is empty, shape {show(info.sizes)}")
    return info


def sizes_without_batch(info: TensorInfo) -> tuple[int, ...]:
    """Return the sizes of an input that was checked, without its first."""
    return tuple(n for n in info.sizes[1:] if isinstance(n, int))


def show(sizes: tuple[int | str, ...]) -> str:
    """Return sizes as Python writes a tuple: "(1, 64)"; a symbolic one by its name."""
    return "(" + ", ".join(printable(n) for n in sizes) + ("," if len(sizes) == 1 else "") + ")"


def dtype_name(code: object) -> str:
    """Return the name of a type number of the file ("float16"), or words for an unknown one."""
    return DTYPE_NAMES.get(code, "of an unknown type") if isinstance(code, int) else "another type"
