"""What a model needs on a chip, stated by export, is what the emulator measures there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyexport import footprint as module
from pyexport.errors import DoesNotFitError
from pyexport.footprint import check_budget, estimated, footprint
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.runners import open_runner
from pyexport.targets import get_target
from pyexport.verify.subject import header_interface
from tests.networks import Recipe, build, export, export_recipe

NETWORKS = {
    "digits": Recipe((64, 32, 16, 10)),
    "wide": Recipe((8, 1100, 3)),
    "softmax": Recipe((20, 40, 10), softmax=True),
}


def on(target: str, recipe: Recipe) -> Export:
    return export(build(recipe), "net", target=target)


@pytest.mark.parametrize("target", ["cortex-m0", "atmega328p"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_ram_that_is_stated_is_what_the_chip_itself_uses(
    name: str, target: str, tmp_path: Path
) -> None:
    exported = on(target, NETWORKS[name])
    stated = footprint(exported, get_target(target))
    assert stated.compiler
    exported.write(tmp_path)
    interface = header_interface(exported.artifact, exported.program)
    runner = open_runner(target, tmp_path / "net.h", interface)
    cost = runner.measure(exported.artifact.vectors.inputs)
    used = cost.ram_static_bytes + cost.stack_bytes + interface.input_bytes + interface.output_bytes
    assert abs(stated.ram_bytes - used) <= 16
    assert stated.flash_bytes == cost.flash_bytes


@pytest.mark.parametrize("target", ["cortex-m0", "atmega328p"])
def test_one_byte_decides(target: str) -> None:
    exported, chip = on(target, NETWORKS["digits"]), get_target(target)
    needed = footprint(exported, chip)
    assert check_budget(exported, chip, needed.flash_bytes, needed.ram_bytes) == needed
    with pytest.raises(DoesNotFitError, match=rf"needs {needed.ram_bytes}, 1 more \(scratch 48,"):
        check_budget(exported, chip, needed.flash_bytes, needed.ram_bytes - 1)
    with pytest.raises(DoesNotFitError, match=rf"needs {needed.flash_bytes}, 1 more \(tables"):
        check_budget(exported, chip, needed.flash_bytes - 1, needed.ram_bytes)


def test_a_model_that_no_such_chip_holds_is_measured_all_the_same() -> None:
    exported = export_recipe(Recipe((2, 2300, 1)))
    stated = footprint(exported, get_target("atmega328p"))
    assert stated.compiler.startswith("avr-gcc")
    assert 2300 + 2 + 1 < stated.ram_bytes < 2300 + 2 + 1 + 120


def test_without_a_compiler_the_figures_are_estimates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "available", lambda name: "not installed")
    exported, chip = on("cortex-m0", NETWORKS["digits"]), get_target("cortex-m0")
    stated = footprint(exported, chip)
    assert stated == estimated(exported.program, chip)
    assert stated.compiler == ""
    with pytest.raises(DoesNotFitError, match="code and frames estimated"):
        check_budget(exported, chip, None, 100)


@pytest.mark.parametrize("target", ["cortex-m0", "cortex-m4", "rv32imc", "rv32ec", "atmega328p"])
def test_an_estimate_is_not_far_from_the_measurement(target: str) -> None:
    exported, chip = on(target, NETWORKS["digits"]), get_target(target)
    stated, guessed = footprint(exported, chip), estimated(exported.program, chip)
    assert abs(stated.ram_bytes - guessed.ram_bytes) <= 200
    assert abs(stated.flash_bytes - guessed.flash_bytes) <= 1500
    assert np.sign(guessed.ram_bytes - stated.ram_bytes) >= 0, "an allowance is not too small"


def test_an_estimate_knows_weights_that_are_numbers_in_the_code() -> None:
    options = ExportOptions("net", target="atmega328p", optimize="speed", lanes=16)
    exported, chip = export_model(build(Recipe((64, 32, 10))), options), get_target("atmega328p")
    assert {step.kernel for step in exported.program.steps} == {"linear_ldi16"}  # type: ignore[union-attr]
    guessed, measured = estimated(exported.program, chip), footprint(exported, chip)
    assert measured.compiler
    assert measured.flash_bytes <= guessed.flash_bytes <= 1.4 * measured.flash_bytes
