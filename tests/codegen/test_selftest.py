"""The self-test notices a single flipped bit anywhere in the tables of the header's text."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.codegen.compile_c import CompiledModel
from tests.codegen.golden_models import SCHEMES, tiny_export
from tests.networks import Recipe, export_recipe

_TABLE = re.compile(
    r"static const (u?int\d+_t|float) (\w+)\[[^\]]+\] PYEXPORT_FLASH = \{[^\n]*\n(.*?)\n\};", re.S
)
_BITS = {"int8_t": 8, "uint8_t": 8, "uint16_t": 16, "int32_t": 32}
_TYPES = {"int8_t": np.int8, "uint8_t": np.uint8, "uint16_t": np.uint16, "int32_t": np.int32}


def flipped(header: str, table: str, random: np.random.Generator) -> str:
    """Return the header's text with one bit of one element of a table changed."""
    match = next(m for m in _TABLE.finditer(header) if m[2] == table)
    numbers = list(re.finditer(r"[^\s,]+", match[3]))
    number = numbers[int(random.integers(len(numbers)))]
    if match[1] == "float":
        bits = np.float32(number[0].rstrip("f")).view(np.uint32)
        changed = (bits ^ np.uint32(1 << int(random.integers(0, 31)))).view(np.float32)
        text = f"{float(changed):.9g}" if np.isfinite(changed) else "0.5"
        text += "f" if "." in text or "e" in text else ".0f"
    else:
        bit = int(random.integers(_BITS[match[1]]))
        value = int(number[0]) ^ (1 << bit)
        text = str(int(np.array(value & (2 ** _BITS[match[1]] - 1)).astype(_TYPES[match[1]])))
    start = match.start(3) + number.start()
    return header[:start] + text + header[start + len(number[0]) :]


def tables(header: str) -> list[str]:
    return [m[2] for m in _TABLE.finditer(header)]


@pytest.mark.parametrize("name", SCHEMES)
def test_a_flipped_bit_in_any_table_fails(name: str, tmp_path: Path) -> None:
    exported = tiny_export(name)
    assert CompiledModel(exported, tmp_path / "good").selftest()
    random = np.random.default_rng(0)
    assert len(tables(exported.header)) == (8 if name == "tiny" else 6)
    for i, table in enumerate(tables(exported.header)):
        header = flipped(exported.header, table, random)
        assert header != exported.header
        compiled = CompiledModel(exported, tmp_path / str(i), flags=("-O0",), header=header)
        assert not compiled.selftest(), table


def test_a_flipped_bit_in_shift_and_softmax_tables_fails(tmp_path: Path) -> None:
    exported = export_recipe(Recipe((7, 40, 3), "relu6", True, (-100.0, 100.0), gain=3.0, seed=1))
    random = np.random.default_rng(0)
    wanted = [t for t in tables(exported.header) if t.endswith(("shift", "table"))]
    assert len(wanted) == 2
    for table in wanted:
        header = flipped(exported.header, table, random)
        compiled = CompiledModel(exported, tmp_path / table, flags=("-O0",), header=header)
        assert not compiled.selftest(), table


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("INT32_C(2)) >> 2", "INT32_C(2)) >> 3"),
        (" - 51;", " - 50;"),
        ("acc < 0 ? 0", "acc < 0 ? 1"),
        ("i < 3; i++", "i < 2; i++"),
    ],
)
def test_a_changed_constant_in_the_code_fails(good: str, bad: str, tmp_path: Path) -> None:
    exported = tiny_export("tiny")
    assert exported.header.count(good) == 1
    header = exported.header.replace(good, bad)
    assert not CompiledModel(exported, tmp_path, flags=("-O0",), header=header).selftest()
