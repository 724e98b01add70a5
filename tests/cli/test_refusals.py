"""Bad input to a command: one line that names the file and a way out, exit 2, nothing written."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.cli.command import contents, pyexport, refused
from tests.frontends.models import Wrapped, mlp, seeded, tiny, write_export

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in an empty folder, so that a file written by mistake is seen."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Canary:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch canary",)


def hostile(data: bytes) -> Callable[[Path], int]:
    return lambda path: path.write_bytes(data)


FILES: dict[str, tuple[Callable[[Path], object], str, str]] = {  # what it is, the way out
    "missing": (lambda path: None, "the file does not exist", "check the path"),
    "directory": (lambda path: path.mkdir(), "a directory", "name a model file in it"),
    "pipe": (os.mkfifo, "not a regular file", "copy it to a file first"),
    "empty": (hostile(b""), "this is an empty file", "save the model again: pyexport.save("),
    "wrong magic": (
        hostile(b"\x7fELF" + bytes(200)),
        "this is a compiled program (ELF)",
        "export reads what pyexport.save(",
    ),
    "text": (
        hostile(b"hello\n" * 20),
        "this is not a model file (it starts with the bytes 68 65",
        "export reads what pyexport.save(",
    ),
    "foreign global": (
        lambda path: path.write_bytes(pickle.dumps(Canary())),
        "this is a pickle that imports posix.system; nothing of it was run",
        "load it yourself and write pyexport.save(",
    ),
    "zip that is none": (
        hostile(b"PK\x03\x04" + bytes(64)),
        "truncated or damaged zip archive",
        "copy or save it again",
    ),
}


LONG = "a" * 5_000  # longer than any file system takes
DESCRIBED = ("wrong magic", "foreign global")  # inspect has something to say about them


@pytest.mark.parametrize(
    ("case", "command"),
    [
        (case, command)
        for case in FILES
        for command in ("export", "inspect", "verify")
        if not (command == "inspect" and case in DESCRIBED)
    ],
)
def test_a_file_that_is_no_model_is_refused_by_name(place: Path, case: str, command: str) -> None:
    make, what, way_out = FILES[case]
    make(place / "m.pt")
    before = contents(place)
    done = pyexport(command, "m.pt")
    line, newline, rest = done.err.partition("\n")
    assert (done.status, done.out, newline, rest) == (2, "", "\n", "")
    assert line.startswith(f"error: m.pt: {what}")
    assert way_out in line
    assert contents(place) == before, "nothing is written, and no foreign code runs"


@pytest.mark.parametrize(
    "command",
    [
        ["export", LONG],
        ["inspect", LONG],
        ["check", f"{LONG}.py:Net", "--input", "1,4"],
        ["export", "m.pt", "--output", LONG],
        ["export", "m.pt", "--templates", LONG],
        ["export", "m.pt", "--firmware", LONG],
        ["export", "m.pt", "--package", "cmake", "--output", LONG],
        ["export", "m.pt", "--calibration", LONG],
        ["new", LONG],
    ],
)
def test_a_path_longer_than_the_system_allows_is_refused(
    place: Path, model: Path, command: list[str]
) -> None:
    (place / "m.pt").write_bytes(model.read_bytes())
    line = refused(place, *command)
    assert line.startswith("aaa")
    assert "File name too long" in line
    assert len(line) < 500


def test_a_directory_is_refused_before_its_name_is(place: Path) -> None:
    assert refused(place, "export", ".") == ".: a directory; name a model file in it"


def test_a_model_file_as_data_is_named_as_what_it_is(
    place: Path, model: Path, exported: Path
) -> None:
    line = refused(place, "simulate", exported / "digits.px", model)
    assert "this is a torch.export archive, a model, not data; name a .npz" in line


@pytest.mark.parametrize("case", DESCRIBED)
def test_inspect_describes_a_known_kind_that_is_refused(place: Path, case: str) -> None:
    make, what, way_out = FILES[case]
    make(place / "m.pt")
    before = contents(place)
    done = pyexport("inspect", "m.pt")
    assert (done.status, done.err) == (0, "")
    (line,) = (line for line in done.out.splitlines() if line.startswith("an export would refuse"))
    assert line.startswith(f"an export would refuse this: {what}")
    assert way_out in line
    assert contents(place) == before, "nothing is written, and no foreign code runs"


@pytest.mark.parametrize("command", ["export", "inspect"])
def test_a_header_leads_to_its_artifact(place: Path, exported: Path, command: str) -> None:
    header = exported / "digits.h"
    line = refused(place, command, header) if command == "export" else pyexport(command, header).out
    assert "this is a header that pyexport wrote" in line
    assert "pass digits.px beside it to `pyexport inspect`" in line


def test_a_truncated_archive_is_refused(place: Path, model: Path) -> None:
    data = model.read_bytes()
    for share in (0.3, 0.9, 0.999):
        (place / "m.pt").write_bytes(data[: int(len(data) * share)])
        assert refused(place, "export", "m.pt").startswith("m.pt: ")


def test_a_saved_module_with_foreign_code_is_not_run(place: Path) -> None:
    torch.save({"state": Canary()}, "m.pt")
    line = refused(place, "export", "m.pt")
    assert "system" in line, "the line names what the file would call"
    assert not (place / "canary").exists()


def function(forward: Callable[..., object], **layers: nn.Module) -> nn.Module:
    return seeded(lambda: Wrapped(layers, forward))


def with_nan() -> nn.Module:
    module = tiny()
    with torch.no_grad():
        module[0].get_parameter("weight").view(-1)[0] = float("nan")
    return module


def test_an_unsupported_operator_is_named_with_its_module(place: Path) -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.Hardshrink())
    write_export(place / "m.pt", function(lambda m, x: m.net(x), net=net), torch.zeros(1, 4))
    line = refused(place, "export", "m.pt")
    assert "aten.hardshrink.default at net.1 (Hardshrink)" in line
    assert "use one of relu" in line


def test_an_input_that_nothing_reads_is_refused_by_name(place: Path) -> None:
    module = function(lambda m, x, y: m.f(x), f=nn.Linear(4, 4))
    write_export(place / "m.pt", module, torch.zeros(1, 4), torch.zeros(1, 4))
    line = refused(place, "export", "m.pt")
    assert "no layer reads the input inputs_1; take it out of the model" in line


def test_symbolic_shapes_are_refused(place: Path) -> None:
    module = function(lambda m, x: x.relu(), f=nn.Linear(4, 4))
    shapes = {"inputs": ({1: torch.export.Dim("width")},)}
    write_export(place / "m.pt", module, torch.zeros(1, 4), dynamic_shapes=shapes)
    assert "symbolic" in refused(place, "export", "m.pt")


def test_batch_norm_in_training_mode_is_refused(place: Path) -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).train()
    write_export(place / "m.pt", module, torch.zeros(2, 4))
    assert "call model.eval()" in refused(place, "export", "m.pt")


def test_nan_weights_are_refused_by_name(place: Path) -> None:
    write_export(place / "m.pt", with_nan(), torch.zeros(1, 3))
    assert "0.weight has 1 NaN value" in refused(place, "export", "m.pt")


@pytest.mark.parametrize(
    "name", ["while", "class", "a-b", "1st", "", "a b", "x;y", "é", "a\nb", "../a", "n" * 64]
)
def test_a_name_that_cannot_prefix_c_symbols_is_refused(
    place: Path, model: Path, name: str
) -> None:
    line = refused(place, "export", model, f"--name={name}")
    assert "--name" in line
    (place / "copy").mkdir()
    if name and "/" not in name:
        copy = place / "copy" / f"{name}.pt"
        copy.write_bytes(model.read_bytes())
        line = refused(place, "export", copy)
        assert "--name digits" in line, "the stem of a file is a name too"


def test_a_header_and_another_name_are_refused(place: Path, model: Path) -> None:
    line = refused(place, "export", model, "--output", "a.h", "--name", "b")
    assert "a.h" in line
    assert "disagree" in line


def test_an_unwritable_folder_is_refused(place: Path, model: Path) -> None:
    (place / "file").write_text("x")
    line = refused(place, "export", model, "--output", place / "file" / "sub")
    assert str(place / "file" / "sub") in line
    assert "--output" in line


def test_a_folder_in_the_way_of_a_file_is_refused(place: Path, model: Path) -> None:
    (place / "digits.px").mkdir()
    assert "digits.px" in refused(place, "export", model)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (np.zeros((5, 63)), "shape (5, 63)"),
        (np.zeros((0, 64)), "no rows"),
        (np.full((5, 64), 17.0), "outside the declared"),
        (np.full((5, 64), -0.5), "outside the declared"),
        (np.full((5, 64), np.nan), "NaN"),
    ],
)
def test_calibration_data_that_do_not_fit_are_refused(
    place: Path, model: Path, rows: np.ndarray, words: str
) -> None:
    np.save(place / "rows.npy", rows)
    line = refused(place, "export", model, "--calibration", "rows.npy")
    assert words in line
    assert "rows.npy" in line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--scheme", "int4"], "int8 or float32"),
        (["--target", "z80"], "cortex-m4"),
        (["--input-range", "16"], "0:16"),
        (["--input-range", "3:1"], "0:16"),
        (["--input-range", "nan:1"], "0:16"),
        (["--input-range", "0:1e-320"], "0:16"),
        (["--input-range", "0:1e308"], "0:16"),
        (["--templates", "nowhere"], "nowhere"),
        (["--calibration", "nowhere.npy"], "nowhere.npy"),
        (["--nope"], "pyexport export --help"),
    ],
)
def test_an_option_that_means_nothing_is_refused(
    place: Path, model: Path, options: list[str], words: str
) -> None:
    assert words in refused(place, "export", model, *options)


def test_a_model_without_range_or_data_tells_three_ways_out(place: Path, plain_model: Path) -> None:
    line = refused(place, "export", plain_model)
    assert "--input-range LOW:HIGH" in line
    assert "--calibration FILE" in line
    assert "pyexport.save(" in line


def test_a_foreign_pytorch_file_is_named_as_what_it_is(place: Path) -> None:
    torch.save(mlp().state_dict(), "m.pt")
    line = refused(place, "export", "m.pt")
    assert "state_dict" in line
    assert "--arch 64-32r-16r-10" in line


@pytest.mark.parametrize("command", [[], ["nope"], ["export"], ["simulate", "a.px"]])
def test_a_wrong_command_line_is_one_line(place: Path, command: list[str]) -> None:
    if command:
        assert "--help" in refused(place, *command)
    else:
        done = pyexport()
        assert (done.status, done.err) == (0, "")
        assert "verify" in done.out


def test_a_bug_of_ours_is_one_line_and_exits_3(
    place: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> object:
        raise ZeroDivisionError("one\ntwo")

    monkeypatch.delenv("PYEXPORT_DEBUG", raising=False)
    monkeypatch.setattr("pyexport.cli.export.export_model", broken)
    done = pyexport("export", model)
    assert (done.status, done.out, done.err.count("\n")) == (3, "", 1)
    assert done.err.startswith("error: a bug of pyexport's: ZeroDivisionError: one two;")
    assert contents(place) == {}
    monkeypatch.setenv("PYEXPORT_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        pyexport("export", model)


def test_ctrl_c_is_one_line(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr("pyexport.cli.export.export_model", interrupted)
    done = pyexport("export", model)
    assert (done.status, done.out, done.err) == (130, "", "error: interrupted\n")


def test_the_script_of_a_bare_checkout_refuses_alike(place: Path) -> None:
    bare = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "export.py"), "no.pt"],
        cwd=place, env=bare, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: no.pt: ")
    assert done.stderr.count("\n") == 1
