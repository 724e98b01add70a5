"""An export for one chip is refused where its memory cannot hold the model."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pyexport.errors import DoesNotFitError
from pyexport.fitting import io_and_scratch_bytes
from tests.networks import chain, export, layer

WIDE = chain(200, [layer(200, 200)], input_range=(0.0, 16.0))  # 40000 bytes of weights
LONG = chain(1500, [layer(1500, 2), layer(2, 600)], input_range=(0.0, 16.0))


def test_tables_beyond_the_flash_are_refused_by_how_much() -> None:
    with pytest.raises(DoesNotFitError) as caught:
        export(WIDE, target="atmega328p")
    message = str(caught.value)
    tables = export(WIDE).program.const_bytes
    assert f"{tables} bytes of tables are {tables - 32767} more than the 32767" in message
    assert "\n" not in message
    assert caught.value.exit_code == 1


def test_working_memory_beyond_the_ram_is_refused_by_how_much() -> None:
    needed = io_and_scratch_bytes(export(LONG).program)
    assert needed == 1500 + 2 + 600
    with pytest.raises(DoesNotFitError, match=f"{needed - 2048} more than the 2048 .* RAM"):
        export(LONG, target="atmega328p")


@pytest.mark.parametrize("target", ["cortex-m0", "host", "wasm32"])
def test_a_chip_that_can_hold_it_takes_it_without_a_word_of_avr(target: str) -> None:
    assert not any("AVR" in warning for warning in export(WIDE, target=target).warnings)


def test_the_portable_header_warns_of_avr_and_its_error_comes_first(tmp_path: Path) -> None:
    exported = export(WIDE)
    assert any("AVR compilers refuse this header" in warning for warning in exported.warnings)
    header = exported.header
    assert header.index("#if defined(__AVR__)") < header.index("net_predict(const")
    (tmp_path / "net.h").write_text(header)
    (tmp_path / "main.c").write_text('#include "net.h"\n')
    command = ["gcc", "-std=c99", "-fsyntax-only", "-D__AVR__", str(tmp_path / "main.c")]
    stderr = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    first = next(line for line in stderr.splitlines() if "error" in line)
    assert "on AVR it can have 32767" in first


def test_vectors_that_near_reads_cannot_reach_stop_an_avr_compiler(tmp_path: Path) -> None:
    exported = export(chain(2040, [layer(2040, 16)], input_range=(0.0, 16.0)))
    stored = exported.artifact.vectors
    near = exported.program.const_bytes + stored.inputs.size + stored.outputs.size
    assert exported.program.const_bytes <= 32767
    assert near > 64_000
    (tmp_path / "net.h").write_text(exported.header)
    (tmp_path / "main.c").write_text('#include "net.h"\n')
    command = ["avr-gcc", "-mmcu=atmega2560", "-std=c99", "-fsyntax-only", str(tmp_path / "main.c")]
    assert subprocess.run(command, check=False).returncode == 0
    command.insert(1, "-DNET_SELFTEST")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert f"have {near} bytes; on AVR near reads reach 64000" in done.stderr
