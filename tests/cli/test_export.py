"""pyexport export: what it writes, what it says, and that the same input gives the same bytes."""

from __future__ import annotations

import getpass
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pyexport.cli.common import parse_size
from pyexport.errors import UsageError
from tests.cli.command import contents, pyexport

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "export.py"


def script(*arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run scripts/export.py as a user of a bare checkout does: nothing on PYTHONPATH."""
    bare = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COLUMNS"))}
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        cwd=cwd, env=bare | environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_export_writes_header_artifact_and_manifest(model: Path, tmp_path: Path) -> None:
    done = pyexport("export", model, "--output", tmp_path / "new" / "folder")
    assert (done.status, done.err) == (0, "")
    folder = tmp_path / "new" / "folder"
    assert sorted(contents(folder)) == ["digits.h", "digits.json", "digits.px"]
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "header", "artifact", "manifest", "identity", "accuracy", "memory",
    ]  # fmt: skip
    assert lines[0].endswith(str(folder / "digits.h")), "a path is never broken over lines"
    assert "3068 bytes of tables in flash; RAM: 48 scratch, 64 input, 10 output" in lines[5]
    assert lines[3].split()[1] in (folder / "digits.h").read_text()


def test_output_may_name_the_header(model: Path, tmp_path: Path) -> None:
    assert pyexport("export", model, "--output", tmp_path / "reader.h").status == 0
    assert sorted(contents(tmp_path)) == ["reader.h", "reader.json", "reader.px"]
    assert "static inline void reader_predict(" in (tmp_path / "reader.h").read_text()


def test_json_has_stable_keys_and_is_the_whole_output(model: Path, tmp_path: Path) -> None:
    done = pyexport("export", model, "--output", tmp_path, "--json")
    document = json.loads(done.out)
    assert (done.status, done.err) == (0, "")
    assert sorted(document) == [
        "accuracy", "bytes", "errors", "files", "identity", "name", "scheme", "target", "warnings",
    ]  # fmt: skip
    assert document["bytes"] == {"scratch": 48, "tables": 3068}
    assert [Path(file).name for file in document["files"]] == [
        "digits.h", "digits.px", "digits.json",
    ]  # fmt: skip


def test_the_manifest_holds_the_hashes_of_the_other_files(exported: Path) -> None:
    import hashlib

    manifest = json.loads((exported / "digits.json").read_text())
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((exported / name).read_bytes()).hexdigest() == digest
    assert sorted(manifest) == [
        "accuracy", "bytes", "calibration", "certificates", "files", "identity", "layers", "name",
        "profile", "pyexport", "scheme", "source", "target", "warnings",
    ]  # fmt: skip


def test_schemes_targets_and_granularity_are_options(model: Path, tmp_path: Path) -> None:
    def identity(*options: str) -> str:
        document = json.loads(
            pyexport("export", model, "--output", tmp_path, "--json", *options).out
        )
        return str(document["identity"])

    plain = identity()
    assert identity("--scheme", "float32") != plain
    assert "float digits_scratch_t" in (tmp_path / "digits.h").read_text()
    assert identity("--per-tensor") != plain
    assert identity("--target", "cortex-m4") == plain, "a target changes no arithmetic"
    assert "#error" in (tmp_path / "digits.h").read_text()


def test_without_data_the_declared_range_is_used_and_marked(
    plain_model: Path, tmp_path: Path
) -> None:
    done = pyexport("export", plain_model, "--output", tmp_path, "--input-range", "0:16")
    assert done.status == 0
    assert done.err.startswith("warning: no calibration data: ranges are bounds")
    assert [line.partition(":")[0] for line in done.err.splitlines()] == ["warning"] * 2
    assert "warning: the input is taken as whole numbers 0..16" in done.err
    assert "NOT calibrated" in (tmp_path / "plain.h").read_text()
    manifest = json.loads((tmp_path / "plain.json").read_text())
    assert manifest["calibration"] == {"kind": "declared range", "rows": 0}
    assert len(manifest["warnings"]) == 2


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv"])
def test_calibration_rows_replace_the_declared_range(
    plain_model: Path, tmp_path: Path, suffix: str
) -> None:
    rows = np.floor(np.random.default_rng(1).uniform(0, 17, size=(20, 64)))
    file = tmp_path / f"rows{suffix}"
    if suffix == ".npy":
        np.save(file, rows)
    elif suffix == ".npz":
        np.savez(file, inputs=rows, targets=np.zeros(20))
    else:
        file.write_text("\n".join(",".join(f"{v:g}" for v in row) for row in rows))
    done = pyexport(
        "export", plain_model, "--output", tmp_path, "--input-range", "0:16",
        "--calibration", file, "--json",
    )  # fmt: skip
    assert json.loads(done.out)["warnings"] == []
    assert "observed on 20 calibration rows" in (tmp_path / "plain.h").read_text()


def test_a_range_taken_from_calibration_rows_is_said(plain_model: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.linspace(0, 12, 128).reshape(2, 64))
    done = pyexport(
        "export", plain_model, "--output", tmp_path, "--calibration", tmp_path / "rows.npy"
    )
    assert done.status == 0
    assert "taking 0..12 from the calibration data" in done.err


def test_a_template_of_the_users_comes_first(model: Path, tmp_path: Path) -> None:
    templates = tmp_path / "mine"
    (templates / "ops").mkdir(parents=True)
    source = (ROOT / "templates" / "ops" / "linear_q15x.h.j2").read_text()
    (templates / "ops" / "linear_q15x.h.j2").write_text("/* mine */\n" + source)
    pyexport("export", model, "--output", tmp_path / "a")
    done = pyexport("export", model, "--output", tmp_path / "b", "--templates", templates)
    assert done.status == 0
    assert "/* mine */" in (tmp_path / "b" / "digits.h").read_text()
    assert "/* mine */" not in (tmp_path / "a" / "digits.h").read_text()


@pytest.mark.parametrize("scheme", ["int8", "float32"])
def test_same_input_same_bytes_anywhere(model: Path, tmp_path: Path, scheme: str) -> None:
    elsewhere = tmp_path / "other"
    elsewhere.mkdir()
    here = script(model, "--output", "a", "--scheme", scheme, cwd=tmp_path, PYTHONHASHSEED="1")
    there = script(
        model, "--output", tmp_path / "b", "--scheme", scheme, cwd=elsewhere,
        PYTHONHASHSEED="77", TZ="Asia/Tokyo", LC_ALL="C", HOME=str(elsewhere),
    )  # fmt: skip
    assert (here.returncode, there.returncode) == (0, 0), here.stderr + there.stderr
    files = contents(tmp_path / "a")
    assert sorted(files) == ["digits.h", "digits.json", "digits.px"]
    assert contents(tmp_path / "b") == files


def test_no_file_names_a_folder_a_date_or_a_user(exported: Path, model: Path) -> None:
    names = {str(ROOT), str(Path.home()), str(exported), str(model.parent), os.uname().nodename}
    if getpass.getuser() not in ("root", "user", "runner"):  # words that mean something else too
        names.add(getpass.getuser())
    for path in exported.iterdir():
        text = path.read_bytes().decode("latin-1")
        assert [name for name in names if len(name) > 3 and name in text] == []
        assert re.findall(r"\b20\d\d-\d\d-\d\d\b|\b\d\d:\d\d:\d\d\b", text) == []


def test_export_of_an_archive_imports_no_framework(model: Path, tmp_path: Path) -> None:
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['export.py', {str(model)!r}, '--output', {str(tmp_path)!r}]\n"
        "try:\n"
        f"    runpy.run_path({str(SCRIPT)!r}, run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0, end.code\n"
        "heavy = {'torch', 'sklearn', 'scipy', 'unicorn', 'wasmtime', 'capstone'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


def test_export_replaces_older_files_and_keeps_others(model: Path, tmp_path: Path) -> None:
    (tmp_path / "digits.h").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    assert pyexport("export", model, "--output", tmp_path).status == 0
    assert (tmp_path / "digits.h").read_text() != "old"
    assert sorted(contents(tmp_path)) == ["digits.h", "digits.json", "digits.px", "notes.txt"]


@pytest.mark.parametrize(
    ("text", "size"),
    [("2048", 2048), ("2k", 2048), ("20K", 20480), ("1.5M", 3 << 19), ("0.5k", 512), ("1", 1)],
)
def test_sizes_are_read_in_units_of_1024(text: str, size: int) -> None:
    assert parse_size(text, "--ram") == size


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "2 k", "2kb", "1.3k", "1.5", "0x10", "k", "1e3", "9" * 11, "\u0661"]
)
def test_a_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no number of bytes; write"):
        parse_size(text, "--ram")


@pytest.mark.parametrize("target", [(), ("--target", "cortex-m0")], ids=["any", "chip"])
@pytest.mark.parametrize(("option", "costs"), [("--flash", "linear0_weight"), ("--ram", "linear1")])
def test_what_does_not_fit_is_one_line_with_its_layers_and_leaves_nothing(
    model: Path, tmp_path: Path, target: tuple[str, ...], option: str, costs: str
) -> None:
    folder = tmp_path / "out"
    done = pyexport("export", model, *target, option, "100", "--output", folder)
    lines = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert done.status == 1
    assert len(lines) == 1
    assert "does not fit 100 bytes" in lines[0]
    assert costs in lines[0]
    assert " more" in lines[0]
    assert not folder.exists()
    done = pyexport("export", model, *target, option, "16k", "--output", folder)
    assert done.status == 0
