"""Measurements: exact counts, painted stack, sizes of an image that only predicts."""

from pathlib import Path

import pytest

from pyexport.errors import UsageError
from tests.runners.support import CHIPS, open_toy
from tests.runners.toy import faulty, toy_inputs


@pytest.mark.parametrize("name", [*CHIPS, "wasm32"])
def test_a_measurement_names_its_compiler_and_needs_no_static_ram(name: str) -> None:
    cost = open_toy(name, optimize="-Os").measure(toy_inputs(10))
    assert cost.target == name
    assert cost.compiler.endswith(" -Os")
    assert cost.ram_static_bytes == 0
    assert 0 < cost.parameters_bytes <= 38 < cost.flash_bytes < 1000
    assert 0 < cost.count_min <= cost.count_mean <= cost.count_max < 3000
    assert 0 < cost.stack_bytes < 80
    assert cost.unit == ("cycles" if name == "atmega328p" else "instructions")


@pytest.mark.parametrize("name", CHIPS)
def test_one_instruction_more_is_counted_as_one(name: str, tmp_path: Path) -> None:
    plain = open_toy(name, faulty(tmp_path, code='__asm__ volatile("");')).measure(toy_inputs(5))
    more = '__asm__ volatile("nop\\n\\tnop\\n\\tnop");'
    longer = open_toy(name, faulty(tmp_path, code=more)).measure(toy_inputs(5))
    assert longer.count_min - plain.count_min == 3
    assert longer.count_max - plain.count_max == 3


@pytest.mark.parametrize("name", CHIPS)
def test_a_buffer_on_the_stack_is_seen_though_only_its_end_is_written(
    name: str, tmp_path: Path
) -> None:
    small = open_toy(name).measure(toy_inputs(5)).stack_bytes
    code = "{ volatile unsigned at = 511; volatile uint8_t big[512]; big[at] = 1; (void)big[at]; }"
    large = open_toy(name, faulty(tmp_path, code=code)).measure(toy_inputs(5)).stack_bytes
    assert 500 <= large - small <= 560


@pytest.mark.parametrize("name", ["host", "host-sanitized"])
def test_this_computer_is_not_measured(name: str) -> None:
    with pytest.raises(UsageError, match="measure a chip"):
        open_toy(name).measure(toy_inputs(5))


@pytest.mark.parametrize("name", ["cortex-m4", "wasm32", "atmega328p"])
def test_measuring_no_input_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="nothing can be measured without an input"):
        open_toy(name).measure(toy_inputs(4)[:0])
