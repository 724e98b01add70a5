"""Small networks on every target: emulated chips, wasm, host compilers, all against the simulator.

In CI a missing compiler or emulator is a failure, elsewhere a skip with its reason.
"""

from __future__ import annotations

import pytest

from pyexport.ir import Model
from pyexport.pipeline import Export
from pyexport.runners import RUNNER_NAMES, available
from pyexport.runners.compilers import compiler_problem
from pyexport.verify import DEFAULT_SUITES, Subject, SuiteOptions, build_suites, verify_subject
from pyexport.verify.suites import Suite
from tests import networks
from tests.networks import Recipe

MODELS: dict[str, Recipe | Model] = {
    "int8": Recipe((64, 32, 16, 10)),
    "softmax": Recipe((16, 12, 5), "relu6", softmax=True, input_range=(-100.0, 100.0), seed=1),
    "float32": Recipe(
        (9, 6, 3), softmax=True, input_range=(-1.0, 1.0), whole=False, scheme="float32", seed=8
    ),
    "raw input": networks.uneven(),
    "signed raw input": networks.uneven(-1.0, seed=3),
    "image": networks.image(),
}
TARGETS = [name for name in RUNNER_NAMES if name != "host"]
OPTIONS = SuiteOptions(random=60, corners=60, dataset=20)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Export, Subject]]:
    """Every model exported, and its header on disk."""
    made = {}
    for kind, recipe in MODELS.items():
        exported = (
            networks.export_recipe(recipe, "net")
            if isinstance(recipe, Recipe)
            else networks.export(recipe)
        )
        folder = tmp_path_factory.mktemp(kind.replace(" ", "_"))
        exported.write(folder)
        made[kind] = exported, Subject(exported.artifact, exported.program, folder / "net.h")
    return made


@pytest.fixture(scope="module")
def suites(prepared: dict[str, tuple[Export, Subject]]) -> dict[str, tuple[Suite, ...]]:
    """The default suites of every model, made small: a chip needs milliseconds for a row."""
    return {
        kind: tuple(
            Suite(suite.name, suite.rows[:60])
            for suite in build_suites(exported.artifact, DEFAULT_SUITES, OPTIONS)
        )
        for kind, (exported, _) in prepared.items()
    }


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", MODELS)
def test_every_output_class_and_accumulator_agrees(
    prepared: dict[str, tuple[Export, Subject]],
    suites: dict[str, tuple[Suite, ...]],
    target: str,
    kind: str,
) -> None:
    missing = available(target)
    if missing is not None:
        pytest.skip(missing)
    _, subject = prepared[kind]
    report = verify_subject(subject, (target,), lambda _: suites[kind])
    assert report.problems == ()
    (result,) = report.targets
    assert result.differing_rows == 0
    assert [c.suite for c in result.comparisons] == list(DEFAULT_SUITES)
    assert result.rows == sum(len(suite.rows) for suite in suites[kind])
    if target.startswith("host"):
        return
    cost = result.measurement
    assert cost is not None
    assert cost.ram_static_bytes == 0, "nothing hides in statics"
    assert cost.count_min > 0
    if kind == "int8" and target != "wasm32":  # which aligns tables; tiny ones become immediates
        assert cost.parameters_bytes == subject.program.const_bytes


def test_an_avr_inference_of_the_digits_network_fits_300_bytes(
    prepared: dict[str, tuple[Export, Subject]], suites: dict[str, tuple[Suite, ...]]
) -> None:
    missing = available("atmega328p")
    if missing is not None:
        pytest.skip(missing)
    _, subject = prepared["int8"]
    report = verify_subject(subject, ("atmega328p",), lambda _: suites["int8"][:1])
    cost = report.targets[0].measurement
    assert cost is not None
    assert cost.ram_static_bytes + cost.stack_bytes + 64 + 10 <= 300


@pytest.mark.parametrize(
    ("target", "compiler"),
    [
        ("cortex-m0", "arm-none-eabi-gcc"),
        ("cortex-m33", "arm-none-eabi-gcc"),
        ("rv32imc", "riscv64-unknown-elf-gcc"),
        ("rv32ec", "riscv64-unknown-elf-gcc"),
    ],
)
@pytest.mark.parametrize("kind", MODELS)
def test_gnu_cross_compilers_agree_too(
    prepared: dict[str, tuple[Export, Subject]],
    suites: dict[str, tuple[Suite, ...]],
    target: str,
    compiler: str,
    kind: str,
) -> None:
    missing = available(target) or compiler_problem(compiler)
    if missing is not None:
        pytest.skip(missing)
    _, subject = prepared[kind]
    few = tuple(Suite(suite.name, suite.rows[:3]) for suite in suites[kind])
    report = verify_subject(subject, (target,), lambda _: few, compiler=compiler)
    assert report.problems == ()
    assert report.targets[0].compiler.startswith(f"{compiler} ")
    assert report.targets[0].rows == 3 * len(few)


@pytest.mark.parametrize("target", ["cortex-m4", "rv32imc", "rv32ec", "wasm32", "atmega328p"])
def test_a_specialized_header_agrees_on_its_target(target: str) -> None:
    import pyexport

    missing = available(target)
    if missing is not None:
        pytest.skip(missing)
    exported = networks.export(networks.build(Recipe((12, 8, 4), seed=3)), "special", target=target)
    report = pyexport.verify(exported, suites=("random", "corners"), random_rows=30)
    assert [t.target for t in report.targets] == [target]
    assert report.problems == ()
