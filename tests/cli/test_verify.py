"""pyexport verify: what it takes, what it prints, and when it ends with 1."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import pyexport as api
from pyexport.runners import Finding
from pyexport.verify import session
from tests.cli.command import pyexport, refused
from tests.verify.fake import FakeRunner

QUICK = ("--suite", "dataset,random", "--random", "20")


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    """A copy of the export that may be edited."""
    return Path(shutil.copytree(exported, tmp_path / "export"))


@pytest.mark.parametrize("suffix", [".h", ".px"])
def test_an_export_agrees_on_the_host(exported: Path, suffix: str) -> None:
    done = pyexport("verify", exported / f"digits{suffix}", *QUICK)
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("digits  identity ")
    row = next(line for line in lines if line.startswith("host "))
    assert row.split() == ["host", "50", "500", str(50 * 58), "0"]
    assert re.search(r"\d+\.\d+.* -O2", done.out), "the table names compiler and level"
    assert lines[-1] == "every output, class and accumulator agrees on host only; self-tests pass"


def test_a_model_file_is_exported_and_verified(model: Path) -> None:
    done = pyexport("verify", model, *QUICK, "--json")
    document = json.loads(done.out)
    assert (done.status, document["ok"]) == (0, True)
    assert document["targets"][0]["rows"] == 50


def test_json_has_stable_keys(exported: Path) -> None:
    document = json.loads(pyexport("verify", exported / "digits.h", *QUICK, "--json").out)
    assert sorted(document) == [
        "findings", "identity", "left_out", "name", "ok", "problems", "targets",
    ]  # fmt: skip
    (target,) = document["targets"]
    assert sorted(target) == [
        "accumulators", "argmax_vectors", "argmax_wrong", "board", "classes", "compiler", "cost",
        "cut_off", "differing_rows", "findings", "first_difference", "output_bytes", "rows",
        "selftest", "suites", "target",
    ]  # fmt: skip
    assert target["suites"] == [
        {
            "name": name, "rows": rows, "differing_rows": 0,
            "output_bytes": 10 * rows, "accumulators": 58 * rows, "classes": rows,
        }
        for name, rows in (("dataset", 30), ("random", 20))
    ]  # fmt: skip
    assert target["cost"] is None
    assert target["selftest"] is True


def test_default_suites_are_all_four(exported: Path) -> None:
    document = json.loads(pyexport("verify", exported / "digits.h", "--json").out)
    rows = {suite["name"]: suite["rows"] for suite in document["targets"][0]["suites"]}
    assert rows == {"dataset": 30, "random": 10_000, "corners": 1_000, "extremes": 116}


def test_a_hand_edited_weight_ends_with_1_and_names_the_layer(copy: Path) -> None:
    header = (copy / "digits.h").read_text()
    start = header.index("\n", header.index("int8_t digits_linear1_weight["))
    number = re.compile(r"-?\d+(?=,)").search(header, start)
    assert number
    other = int(number[0]) + (1 if int(number[0]) < 100 else -1)
    (copy / "digits.h").write_text(header[: number.start()] + str(other) + header[number.end() :])
    done = pyexport("verify", copy / "digits.h")
    assert done.status == 1
    assert done.err.startswith(f"error: {copy / 'digits.h'}: host: linear1 ")
    assert done.err.count("\n") == 1
    assert re.search(r"accumulator: simulator -?\d+ \(0x[0-9A-F]{8}\), device", done.err)
    mismatches = [line for line in done.out.splitlines() if line.startswith("MISMATCH")]
    assert len(mismatches) == 3
    assert "self-test fails" in mismatches[1]
    assert re.match(r"MISMATCH header: text: line \d+ is '", mismatches[2])
    again = pyexport("verify", copy / "digits.h", *QUICK, "--json")
    assert again.status == 1
    assert json.loads(again.out)["ok"] is False


def test_the_artifact_of_another_export_ends_with_1(copy: Path, model: Path) -> None:
    api.export(model, copy, "digits", per_channel=False)
    shutil.move(copy / "digits.px", copy / "other.px")
    api.export(model, copy, "digits")
    shutil.move(copy / "other.px", copy / "digits.px")
    done = pyexport("verify", copy / "digits.h")
    assert (done.status, done.out) == (1, "")
    assert "another export than digits.px" in done.err
    assert done.err.count("\n") == 1


def test_a_header_alone_is_refused(copy: Path) -> None:
    (copy / "digits.px").unlink()
    line = refused(copy, "verify", copy / "digits.h")
    assert "digits.px must lie beside it" in line


def test_a_foreign_header_is_refused(copy: Path) -> None:
    (copy / "other.h").write_text("int x;\n")
    assert "not a header that pyexport wrote" in refused(copy, "verify", copy / "other.h")
    assert "none.h: the file does not exist" in refused(copy, "verify", copy / "none.h")


def test_a_header_that_does_not_compile_is_refused_in_one_line(copy: Path) -> None:
    header = (copy / "digits.h").read_text()
    (copy / "digits.h").write_text(header.replace("int32_t acc", "int32_t ack", 1))
    done = pyexport("verify", copy / "digits.h", *QUICK)
    assert (done.status, done.out) == (2, "")
    assert "acc" in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--suite", "fuzz"], "dataset, random, corners, extremes"),
        (["--target", "z80"], "cortex-m4"),
        (["--target", "all", "--target", "nosuch"], "target 'nosuch' is unknown"),
        (["--random", "-1"], "0 or more"),
        (["--suite", "random", "--random", "0"], "hold no rows"),
        (["--compiler", "tcc"], "tcc"),
        (["--optimize", "-O9"], "-Os or -O2"),
        (["--dataset", "none.npy"], "none.npy"),
        (["--seed", "x"], "--seed"),
        (["--seed", "-1"], "the seed -1 is negative"),
    ],
)
def test_an_option_that_means_nothing_is_refused(
    exported: Path, tmp_path: Path, options: list[str], words: str
) -> None:
    assert words in refused(tmp_path, "verify", exported / "digits.h", *options)


def test_the_users_rows_replace_the_stored_ones(exported: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.full((7, 64), 3.0))
    done = pyexport(
        "verify", exported / "digits.h", "--suite", "dataset", "--dataset",
        tmp_path / "rows.npy", "--json",
    )  # fmt: skip
    (suite,) = json.loads(done.out)["targets"][0]["suites"]
    assert suite == {
        "name": "dataset", "rows": 7, "differing_rows": 0,
        "output_bytes": 70, "accumulators": 7 * 58, "classes": 7,
    }  # fmt: skip


@pytest.fixture
def opened(exported: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the targets that were opened; every one is the simulator in disguise."""
    from pyexport.artifact import read_artifact

    artifact = read_artifact(exported / "digits.px")
    names: list[str] = []

    def fake(name: str, *_: object, **__: object) -> FakeRunner:
        names.append(name)
        return FakeRunner(artifact, name=name)

    monkeypatch.setattr(session, "open_runner", fake)
    return names


def test_all_takes_every_target_that_runs_here(
    exported: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pyexport.cli.verify.available", lambda n: "no" if n == "atmega328p" else None
    )
    done = pyexport("verify", exported / "digits.px", "--target", "all", "--suite", "corners")
    assert done.status == 0
    assert opened[0] == "host"
    assert "wasm32" in opened
    assert "atmega328p" not in opened
    assert done.err == "left out: atmega328p: no\n"
    assert re.search(r"agrees on host, .* and wasm32; self-tests pass$", done.out.strip())
    again = pyexport(
        "verify", exported / "digits.px", "--target", "all", "--suite", "corners", "--json"
    )
    assert json.loads(again.out)["left_out"] == {"atmega328p": "atmega328p: no"}


def test_targets_are_repeatable_and_a_chip_shows_what_it_costs(
    exported: Path, opened: list[str]
) -> None:
    done = pyexport(
        "verify", exported / "digits.px", "--target", "host", "--target", "cortex-m4", *QUICK
    )
    assert opened == ["host", "cortex-m4"]
    costs = done.out.split("\n\n")[1]
    chip = next(line for line in costs.splitlines() if line.startswith("cortex-m4"))
    assert chip.split() == [
        "cortex-m4", "3000", "0", "72", "10", "instructions", "none", "1.0", "-Os",
    ]  # fmt: skip


def test_a_specialized_header_is_verified_on_its_target(
    model: Path, tmp_path: Path, opened: list[str]
) -> None:
    api.export(model, tmp_path, "digits", target="rv32imc")
    pyexport("verify", tmp_path / "digits.h", *QUICK)
    pyexport("verify", tmp_path / "digits.px", *QUICK)
    assert opened == ["rv32imc", "rv32imc"]


def test_the_seed_chooses_other_rows(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyexport.artifact import read_artifact

    seen = []

    class Spy(FakeRunner):
        def run(self, inputs):  # type: ignore[no-untyped-def]
            seen.append(inputs.tobytes())
            return super().run(inputs)

    artifact = read_artifact(exported / "digits.px")
    monkeypatch.setattr(session, "open_runner", lambda *_, **__: Spy(artifact))
    for seed in (0, 0, 1):
        pyexport("verify", exported / "digits.px", "--suite", "random", "--seed", seed)
    assert seen[0] == seen[1] != seen[2]


def test_a_failing_static_check_ends_with_1(
    exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyexport.artifact import read_artifact

    findings = (Finding("helpers", False, "calls __divdi3"), Finding("accesses", True, "fine"))
    runner = FakeRunner(read_artifact(exported / "digits.px"), findings=findings)
    monkeypatch.setattr(session, "open_runner", lambda *_, **__: runner)
    done = pyexport("verify", exported / "digits.px", *QUICK)
    assert done.status == 1
    assert "static checks: 2 of 3 hold" in done.out
    assert "MISMATCH host: helpers: calls __divdi3" in done.out
    assert done.err.endswith("host: helpers: calls __divdi3\n")


def test_a_missing_tool_is_one_line_that_names_the_package(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyexport.runners.compilers import find_compiler

    find_compiler.cache_clear()
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    line = refused(
        tmp_path, "verify", exported / "digits.h", "--target", "atmega328p", "--compiler", "gcc"
    )
    find_compiler.cache_clear()
    assert "apt-get install" in line
