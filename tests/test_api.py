"""The public functions: what notebooks and scripts call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pyexport
import pyexport.runners.build
from pyexport import runners
from pyexport.artifact import Artifact, read_artifact, write_artifact
from pyexport.errors import FileFormatError, PyexportError, ToolFailedError, UsageError
from pyexport.ir import Dataset
from pyexport.pipeline import Export
from tests import networks
from tests.networks import Recipe

MODEL = networks.build(Recipe((12, 8, 4)))
ROWS = np.floor(np.random.default_rng(4).uniform(0, 17, size=(9, 12)))


def test_quantize_gives_an_artifact_in_memory() -> None:
    artifact = pyexport.quantize(MODEL, "net")
    assert isinstance(artifact, Artifact)
    assert artifact.name == "net"
    assert pyexport.quantize(MODEL, "net").identity == artifact.identity
    assert pyexport.quantize(MODEL, "net", scheme="float32").identity != artifact.identity


def test_export_writes_what_it_returns(tmp_path: Path) -> None:
    result = pyexport.export(MODEL, tmp_path, "net")
    assert isinstance(result, Export)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert files == result.files()


def test_export_of_a_file_is_the_export_of_its_model(tmp_path: Path) -> None:
    from tests.frontends.models import tiny, write_export

    torch = pytest.importorskip("torch")
    path = write_export(tmp_path / "m.pt2", tiny(), torch.zeros(1, 3))
    by_path = pyexport.export(path, tmp_path / "a", "net", input_range=(0.0, 16.0))
    by_model = pyexport.export(pyexport.load(path), tmp_path / "b", "net", input_range=(0.0, 16.0))
    assert by_path.files() == by_model.files()


def test_an_export_of_a_file_is_named_as_the_file(tmp_path: Path) -> None:
    from tests.frontends.models import tiny, write_export

    torch = pytest.importorskip("torch")
    path = write_export(tmp_path / "gesture.pt2", tiny(), torch.zeros(1, 3))
    made = pyexport.export(path, tmp_path / "out", input_range=(0.0, 16.0))
    assert made.artifact.name == "gesture"
    assert (tmp_path / "out" / "gesture.h").exists()
    assert pyexport.export(MODEL, tmp_path / "out").artifact.name == "model"


@pytest.mark.parametrize("kind", ["px", "memory"])
def test_a_tool_error_names_the_subject_and_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    made = pyexport.export(MODEL, tmp_path, "net")
    monkeypatch.setattr(runners.build, "WARNINGS", ("-Wno-such-warning", "-Werror", "-fno-such"))
    shown = str(tmp_path / "net.px") if kind == "px" else "net.h (in memory)"
    with pytest.raises(ToolFailedError) as caught:
        pyexport.verify(tmp_path / "net.px" if kind == "px" else made, ("host-gcc",))
    assert str(caught.value).startswith(f"{shown}: ")


def test_a_chip_gets_fewer_rows_than_a_computer() -> None:
    suites = {}

    def progress(target: str, what: str) -> None:
        suites.setdefault(target, []).append(what)

    missing = runners.available("cortex-m4")
    if missing is not None:
        pytest.skip(missing)
    pyexport.verify(
        networks.export(MODEL), ("host", "wasm32", "cortex-m4"), ("random",), progress=progress
    )
    assert suites["host"][0] == "10000 rows of random"
    assert suites["wasm32"][0] == "10000 rows of random"
    assert suites["cortex-m4"][0] == "1000 rows of random"


@pytest.mark.parametrize("scheme", ["int8", "float32"])
def test_simulate_takes_an_artifact_or_its_file(tmp_path: Path, scheme: str) -> None:
    artifact = pyexport.export(MODEL, tmp_path, "net", scheme=scheme).artifact
    outputs = pyexport.simulate(artifact, ROWS)
    assert outputs.shape == (9, 4)
    assert outputs.dtype == (np.int8 if scheme == "int8" else np.float32)
    np.testing.assert_array_equal(pyexport.simulate(tmp_path / "net.px", ROWS), outputs)
    np.testing.assert_array_equal(pyexport.simulate(str(tmp_path / "net.px"), ROWS), outputs)


def test_simulate_clamps_to_the_legal_range() -> None:
    artifact = pyexport.quantize(MODEL)
    np.testing.assert_array_equal(
        pyexport.simulate(artifact, np.full((1, 12), 900.0)),
        pyexport.simulate(artifact, np.full((1, 12), 16.0)),
    )


def test_an_artifact_survives_its_file(tmp_path: Path) -> None:
    artifact = pyexport.quantize(MODEL, "net")
    data = write_artifact(artifact)
    (tmp_path / "net.px").write_bytes(data)
    again = read_artifact(tmp_path / "net.px")
    assert again.identity == artifact.identity
    assert write_artifact(again) == data


def test_a_flipped_parameter_in_an_artifact_is_refused(tmp_path: Path) -> None:
    artifact = pyexport.quantize(MODEL, "net")
    data = write_artifact(artifact)
    weight = artifact.graph.nodes[0].op.weight.tobytes()  # type: ignore[attr-defined]
    position = data.index(weight)
    broken = bytearray(data)
    broken[position + 5] ^= 1
    (tmp_path / "net.px").write_bytes(bytes(broken))
    with pytest.raises(FileFormatError, match=r"identity|bounds are not those of its weights"):
        read_artifact(tmp_path / "net.px")


@pytest.mark.parametrize("kind", ["export", "artifact", "px", "h", "text path"])
def test_verify_takes_every_form_of_an_export(tmp_path: Path, kind: str) -> None:
    result = pyexport.export(MODEL, tmp_path, "net")
    subject = {
        "export": result,
        "artifact": result.artifact,
        "px": tmp_path / "net.px",
        "h": tmp_path / "net.h",
        "text path": str(tmp_path / "net.h"),
    }[kind]
    report = pyexport.verify(subject, suites=("random", "corners"), random_rows=30)  # type: ignore[arg-type]
    assert report.ok, report.problems
    assert [c.suite for c in report.targets[0].comparisons] == ["random", "corners"]
    assert report.targets[0].comparisons[0].rows == 30


def test_verify_tells_its_progress_and_takes_ones_own_rows(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    report = pyexport.verify(
        pyexport.export(MODEL, tmp_path, "net"),
        ("host",),
        ("dataset",),
        dataset=Dataset(ROWS),
        progress=lambda target, what: told.append((target, what)),
    )
    assert report.targets[0].rows == 9
    assert told[0] == ("host", "9 rows of dataset")


def test_the_float32_scheme_agrees_to_the_bit_on_the_host() -> None:
    for recipe in (Recipe((64, 32, 16, 10), scheme="float32", seed=7), networks.DOZEN[10]):
        report = pyexport.verify(networks.export_recipe(recipe), random_rows=500)
        assert report.problems == ()


def test_errors_are_of_one_family(tmp_path: Path) -> None:
    for call in (
        lambda: pyexport.load(tmp_path / "none"),
        lambda: pyexport.quantize(MODEL, "while"),
        lambda: pyexport.quantize(MODEL, scheme="int4"),
        lambda: pyexport.simulate(tmp_path / "none.px", ROWS),
        lambda: pyexport.verify(tmp_path / "none.h"),
    ):
        with pytest.raises(PyexportError) as caught:
            call()
        assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match="-1 random rows were asked for; ask for 0 or more"):
        pyexport.verify(networks.export(MODEL), random_rows=-1)
    with pytest.raises(UsageError, match="the seed -1 is negative"):
        pyexport.verify(networks.export(MODEL), seed=-1)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (np.zeros((2, 13)), r"shape \(2, 13\); model takes \(n, 12\)"),
        (np.zeros(12), r"shape \(12,\)"),
        (np.full((2, 12), np.nan), "NaN"),
    ],
)
def test_rows_that_do_not_fit_are_refused(rows: np.ndarray, words: str) -> None:
    artifact = pyexport.quantize(MODEL)
    with pytest.raises(UsageError, match=words):
        pyexport.simulate(artifact, rows)
    with pytest.raises(UsageError, match=words):
        pyexport.verify(artifact, suites=("dataset",), dataset=Dataset(rows))


def test_no_rows_give_no_outputs() -> None:
    assert pyexport.simulate(pyexport.quantize(MODEL), np.zeros((0, 12))).shape == (0, 4)
