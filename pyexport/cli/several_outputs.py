"""Shows and writes what a simulation gave; of several outputs, each under its name."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pyexport.cli.common import out, plain_table, say
from pyexport.errors import UsageError
from pyexport.ir import Array, Tensor
from pyexport.rows import NUMPY_DTYPES, has_class, row_slices
from pyexport.simulator.fast import argmax

SHOWN_ROWS = 20
_IDX_CODES = {"uint8": 8, "int8": 9, "float32": 13}  # the format has no 16 bits without a sign


@dataclass(frozen=True, eq=False)
class SeveralOutputs:
    """The rows of all outputs, side by side."""

    ports: tuple[Tensor, ...]
    rows: Array

    @property
    def named(self) -> dict[str, Array]:
        """Return each output by name, (n, size), of its own type."""
        return {
            port.name: self.rows[:, part].astype(NUMPY_DTYPES[port.dtype])
            for port, part in zip(self.ports, row_slices(self.ports), strict=True)
        }

    @property
    def classes(self) -> dict[str, Array]:
        """Return the index of the largest value of each output that has several."""
        return {p.name: argmax(self.named[p.name]) for p in self.ports if has_class(p)}

    def encoded(self, suffix: str) -> bytes:
        """Return the bytes of a file: an array an output in .npz, else all values of a row."""
        if suffix != ".npz":
            return encoded(suffix, self.rows, None, self._columns())
        buffer = io.BytesIO()
        arrays: Any = self.named
        np.savez(buffer, **arrays)
        return buffer.getvalue()

    def document(self, output: Path | None) -> dict[str, Any]:
        """Return what --json prints."""
        named = {name: values.tolist() for name, values in self.named.items()}
        return {
            "rows": len(self.rows),
            "outputs": named if output is None else str(output),
            "classes": {name: values.tolist() for name, values in self.classes.items()},
        }

    def show(self, output: Path | None) -> None:
        """Print the first rows, a column an output."""
        table = plain_table(">row", *(f"~{port.name}" for port in self.ports))
        named = self.named
        for row in range(min(len(self.rows), SHOWN_ROWS)):
            cells = (" ".join(f"{v:g}" for v in named[port.name][row]) for port in self.ports)
            table.add_row(str(row), *cells)
        out.print(table)
        if len(self.rows) > SHOWN_ROWS:
            say(f"... {len(self.rows) - SHOWN_ROWS} more rows; --output FILE writes all")
        if output is not None:
            say(f"wrote {output}")

    def _columns(self) -> list[str]:
        return [f"{port.name}{i}" for port in self.ports for i in range(port.size)]


def encoded(
    suffix: str, outputs: Array, classes: Array | None, columns: list[str] | None = None
) -> bytes:
    """Return the bytes of a file of outputs (n, size); columns: names of a .csv file's."""
    buffer = io.BytesIO()
    if suffix == ".npy":
        np.save(buffer, outputs)
    elif suffix == ".npz":
        if classes is None:
            np.savez(buffer, outputs=outputs)
        else:
            np.savez(buffer, outputs=outputs, classes=classes)
    elif suffix == ".csv":
        names = columns or [f"output{i}" for i in range(outputs.shape[1])]
        lines = [",".join(names)]
        lines += [",".join(repr(v) for v in row) for row in outputs.tolist()]
        return ("\n".join(lines) + "\n").encode()
    else:
        code = {**_IDX_CODES, "int16": 11, "int32": 12}.get(outputs.dtype.name)
        if code is None:
            raise UsageError(f"--output: IDX files hold no {outputs.dtype.name}; write .npz")
        buffer.write(bytes([0, 0, code, 2]))
        buffer.write(np.array(outputs.shape, dtype=">u4").tobytes())
        buffer.write(outputs.astype(outputs.dtype.newbyteorder(">")).tobytes())
    return buffer.getvalue()
