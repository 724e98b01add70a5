"""The static checks refute headers that waste RAM or call what a chip should not need."""

from pathlib import Path

import pytest

from pyexport.runners import Finding, Runner
from pyexport.runners.unicorn_probe import probe_core
from tests.runners.support import CHIPS, UNICORN, open_toy
from tests.runners.toy import faulty, toy_inputs

HOSTS = ("host-gcc", "host-clang", "host-zig")
IN_RAM = (
    ("static const int8_t toy_hidden_weight", "static int8_t toy_hidden_weight"),
    ("toy_hidden_weight[3 * 4] PYEXPORT_FLASH", "toy_hidden_weight[3 * 4]"),
)
TOUCH = "if (in[0] == 77u) { toy_hidden_weight[0] = 1; }"
LONG_DIVISION = "{ volatile int64_t big = in[0]; big = big / (in[1] + 1); }"
LONG_PRODUCT = "{ volatile int64_t big = in[0]; big = big * big; }"
FLOAT = "{ volatile float real = 1.0f; real = real * 3.0f; }"


def _bad(runner: Runner) -> list[Finding]:
    return [finding for finding in runner.check() if not finding.ok]


@pytest.mark.parametrize("name", CHIPS)
def test_a_table_in_ram_is_found(name: str, tmp_path: Path) -> None:
    # at -O2 zig splits the table, and only the byte that changes stays in RAM
    runner = open_toy(name, faulty(tmp_path, code=TOUCH, edits=IN_RAM), optimize="-Os")
    details = [finding.detail for finding in _bad(runner) if finding.name == "parameters in flash"]
    assert len(details) == 1
    assert "toy_hidden_weight is in .data" in details[0]
    assert runner.measure(toy_inputs(4)).ram_static_bytes >= 12


@pytest.mark.parametrize("name", HOSTS)
def test_a_table_in_ram_is_found_on_the_host(name: str, tmp_path: Path) -> None:
    runner = open_toy(name, faulty(tmp_path, code=TOUCH, edits=IN_RAM))
    assert [finding.name for finding in _bad(runner)] == ["static RAM"]


def test_a_table_that_the_header_does_not_have_is_found(tmp_path: Path) -> None:
    edits = (("toy_hidden_bias", "toy_hidden_offset"),)
    (finding,) = _bad(open_toy("cortex-m4", faulty(tmp_path, edits=edits)))
    assert finding.detail == "toy_hidden_bias is not in the header"


@pytest.mark.parametrize(
    ("name", "code", "helper"),
    [
        ("cortex-m0", LONG_PRODUCT, "__aeabi_lmul"),
        ("cortex-m0", LONG_DIVISION, "__aeabi_ldivmod"),
        ("cortex-m0", "{ volatile uint32_t q = in[0]; q = q / (in[1] + 1u); }", "__aeabi_uidiv"),
        ("cortex-m4", LONG_DIVISION, "__aeabi_ldivmod"),
        ("cortex-m33", FLOAT, "__aeabi_fmul"),
        ("rv32imc", LONG_DIVISION, "__divdi3"),
        ("rv32imc", FLOAT, "__mulsf3"),
        ("rv32ec", LONG_DIVISION, "__divdi3"),
        ("atmega328p", LONG_PRODUCT, "__muldi3"),
        ("atmega328p", FLOAT, "__mulsf3"),
    ],
)
@pytest.mark.parametrize("compiler", ["zig", "gcc"])
def test_a_helper_is_found(
    name: str, code: str, helper: str, compiler: str, tmp_path: Path
) -> None:
    if name == "atmega328p" and compiler == "zig":
        compiler = "avr-gcc"  # the only compiler for it
    bad = _bad(open_toy(name, faulty(tmp_path, code=code), compiler=compiler))
    details = [finding.detail for finding in bad if finding.name == "helpers"]
    assert len(details) == 1
    assert helper in details[0]


@pytest.mark.parametrize("name", UNICORN)
def test_the_emulated_core_is_the_one_it_claims_to_be(name: str) -> None:
    findings = probe_core(name)
    assert len(findings) >= 3
    assert [finding for finding in findings if not finding.ok] == []


def test_an_emulator_of_another_core_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyexport.runners import unicorn_machine, unicorn_probe
    from pyexport.runners.unicorn_cores import CORES

    real = unicorn_machine.new_emulator
    other = CORES["cortex-m33"]
    monkeypatch.setattr(unicorn_probe, "new_emulator", lambda core: (real(other)[0], real(core)[1]))
    bad = [finding.detail for finding in probe_core("cortex-m0") if not finding.ok]
    assert any("reports model" in detail for detail in bad)
    assert any(detail.startswith("udiv") for detail in bad)


def test_code_for_another_core_is_found_by_its_build_attributes() -> None:
    from pyexport.runners.chip_image import chip_image
    from pyexport.runners.unicorn_cores import CORES, architecture_finding
    from pyexport.runners.unicorn_runner import UnicornRunner

    runner = open_toy("cortex-m4")
    assert isinstance(runner, UnicornRunner)
    image = chip_image(runner.recipe, "predict")
    assert architecture_finding(CORES["cortex-m4"], image).ok
    assert not architecture_finding(CORES["cortex-m0"], image).ok
