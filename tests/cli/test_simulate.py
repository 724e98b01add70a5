"""pyexport simulate: files in and out, raw bytes, both engines, warnings and accuracy."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import pyexport as api
from tests import networks
from tests.cli.command import contents, pyexport, refused

ROWS = np.floor(np.random.default_rng(3).uniform(0, 17, size=(25, 64)))


def idx(array: Any, code: int) -> bytes:
    shape = np.array(array.shape, dtype=">u4").tobytes()
    return bytes([0, 0, code, array.ndim]) + shape + array.tobytes()


INPUTS: dict[str, Callable[[Path], object]] = {
    "rows.npy": lambda path: np.save(path, ROWS),
    "rows.npz": lambda path: np.savez(path, inputs=ROWS),
    "rows.csv": lambda path: np.savetxt(path, ROWS, delimiter=",", fmt="%g"),
    "rows.idx": lambda path: path.write_bytes(idx(ROWS.astype(np.uint8), 8)),
    "rows.idx.gz": lambda path: path.write_bytes(gzip.compress(idx(ROWS.astype(np.uint8), 8))),
    "square.npy": lambda path: np.save(path, ROWS.reshape(-1, 8, 8)),
}


def read(path: Path) -> Any:
    """Return the outputs in a file that the command wrote."""
    match path.suffix:
        case ".npy":
            return np.load(path)
        case ".npz":
            return np.load(path)["outputs"]
        case ".csv":
            return np.loadtxt(path, delimiter=",", skiprows=1)
        case _:
            data = path.read_bytes()
            shape = tuple(np.frombuffer(data, ">u4", data[3], 4))
            dtype = {8: "u1", 9: "i1", 13: ">f4"}[data[2]]
            return np.frombuffer(data, dtype, offset=4 + 4 * data[3]).reshape(shape)


@pytest.mark.parametrize("name", INPUTS)
def test_every_kind_of_input_file_gives_the_same_outputs(
    exported: Path, tmp_path: Path, name: str
) -> None:
    INPUTS[name](tmp_path / name)
    done = pyexport(
        "simulate", exported / "digits.px", tmp_path / name, "--output", tmp_path / "out.npy"
    )
    assert (done.status, done.err) == (0, "")
    expected = api.simulate(exported / "digits.px", ROWS)
    outputs = read(tmp_path / "out.npy")
    assert outputs.dtype == expected.dtype
    np.testing.assert_array_equal(outputs, expected)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv", ".idx"])
@pytest.mark.parametrize("scheme", ["int8", "float32"])
def test_every_kind_of_output_file_holds_the_outputs(
    model: Path, tmp_path: Path, suffix: str, scheme: str
) -> None:
    api.export(model, tmp_path, "net", scheme=scheme)
    np.save(tmp_path / "rows.npy", ROWS)
    out = tmp_path / "results" / f"out{suffix}"
    done = pyexport("simulate", tmp_path / "net.px", tmp_path / "rows.npy", "--output", out)
    assert done.status == 0
    assert f"wrote {out}" in done.out
    expected = api.simulate(tmp_path / "net.px", ROWS)
    np.testing.assert_array_equal(read(out).astype(expected.dtype), expected)
    if suffix == ".npz":
        np.testing.assert_array_equal(np.load(out)["classes"], expected.argmax(axis=1))


def test_a_written_idx_file_can_be_read_again(exported: Path, tmp_path: Path) -> None:
    from pyexport.frontends import read_samples

    np.save(tmp_path / "rows.npy", ROWS)
    pyexport(
        "simulate", exported / "digits.px", tmp_path / "rows.npy", "--output", tmp_path / "o.idx"
    )
    again = read_samples(tmp_path / "o.idx", (10,)).inputs
    np.testing.assert_array_equal(again, api.simulate(exported / "digits.px", ROWS))


@pytest.mark.parametrize("scheme", ["int8", "float32"])
def test_the_definition_equals_the_fast_engine(model: Path, tmp_path: Path, scheme: str) -> None:
    api.export(model, tmp_path, "net", scheme=scheme)
    np.save(tmp_path / "rows.npy", ROWS[:6])
    documents = [
        json.loads(
            pyexport(
                "simulate", tmp_path / "net.px", tmp_path / "rows.npy", "--engine", engine, "--json"
            ).out
        )
        for engine in ("fast", "definition")
    ]
    assert documents[0] == documents[1]
    assert len(documents[0]["outputs"]) == 6


def test_json_has_stable_keys(exported: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", inputs=ROWS, targets=np.arange(25) % 10)
    done = pyexport("simulate", exported / "digits.px", tmp_path / "rows.npz", "--json")
    document = json.loads(done.out)
    keys = ["accuracy", "classes", "decisions", "errors", "outputs", "rows"]
    assert sorted(document) == keys
    assert (document["decisions"], document["errors"]) == (None, None)
    outputs = np.array(document["outputs"])
    assert document["rows"] == 25
    assert document["accuracy"] == (outputs.argmax(axis=1) == np.arange(25) % 10).mean()


def test_accuracy_is_printed_where_the_file_holds_classes(exported: Path, tmp_path: Path) -> None:
    classes = api.simulate(exported / "digits.px", ROWS).argmax(axis=1)
    np.savez(tmp_path / "rows.npz", inputs=ROWS, targets=classes)
    done = pyexport("simulate", exported / "digits.px", tmp_path / "rows.npz")
    assert "accuracy 100.00 % on 25 rows" in done.out
    assert f"digit {classes[0]}" in done.out.splitlines()[1]
    assert "... 5 more rows; --output FILE writes all" in done.out
    np.savez(tmp_path / "rows.npz", inputs=ROWS)
    assert "accuracy" not in pyexport("simulate", exported / "digits.px", tmp_path / "rows.npz").out


def test_a_hostile_label_is_printed_escaped_and_is_no_markup(tmp_path: Path) -> None:
    net = torch.nn.Linear(2, 2)
    with torch.no_grad():
        net.weight.copy_(torch.eye(2))
        net.bias.zero_()
    labels = ["[/bold] :bug: \x1b[31m\u202e\nx", "[red]"]
    rows = np.array([[9.0, 1.0], [1.0, 9.0]])
    api.export(net, torch.zeros(1, 2), tmp_path, "m", input_range=(0, 9), labels=labels)
    np.save(tmp_path / "rows.npy", rows)
    done = pyexport("simulate", tmp_path / "m.px", tmp_path / "rows.npy")
    assert done.status == 0, done.err
    assert r"0  [/bold] :bug: \x1b[31m\u202e\nx " in done.out
    assert "1  [red] " in done.out


def test_values_outside_the_range_are_clamped_and_counted(exported: Path, tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows[0, :3] = (-1.0, 16.5, 400.0)
    np.save(tmp_path / "rows.npy", rows)
    done = pyexport("simulate", exported / "digits.px", tmp_path / "rows.npy", "--json")
    assert done.err.startswith(f"warning: {tmp_path / 'rows.npy'}: 3 of 1600 values lie outside")
    assert done.err.count("\n") == 1
    expected = api.simulate(exported / "digits.px", np.clip(rows, 0, 16))
    assert json.loads(done.out)["outputs"] == expected.tolist()


def test_raw_bytes_go_in_as_they_are(model: Path, tmp_path: Path) -> None:
    api.export(model, tmp_path, "net", input_range=(-4.0, 30.5), calibration=None)
    quant = api.artifact.read_artifact(tmp_path / "net.px").graph.input.quant
    assert quant is not None
    raw = quant.quantize(ROWS)
    np.save(tmp_path / "raw.npy", raw)
    np.save(tmp_path / "real.npy", ROWS)
    by_raw = pyexport("simulate", tmp_path / "net.px", tmp_path / "raw.npy", "--raw", "--json")
    by_real = pyexport("simulate", tmp_path / "net.px", tmp_path / "real.npy", "--json")
    assert json.loads(by_raw.out) == json.loads(by_real.out)


@pytest.mark.parametrize("value", [17, -1, 0.5])
def test_what_is_no_legal_byte_is_refused_with_raw(
    exported: Path, tmp_path: Path, value: float
) -> None:
    rows = ROWS.copy()
    rows[2, 2] = value
    np.save(tmp_path / "rows.npy", rows)
    line = refused(tmp_path, "simulate", exported / "digits.px", tmp_path / "rows.npy", "--raw")
    assert f"{value:g} is not one of the legal bytes 0..16" in line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--output", "out.txt"], "out.txt"),
        (["--output", "file/out.npy"], "file"),
        (["--engine", "exact"], "fast or definition"),
    ],
)
def test_an_option_that_means_nothing_is_refused(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    options: list[str], words: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    np.save("rows.npy", ROWS)
    (tmp_path / "file").write_text("x")
    assert words in refused(tmp_path, "simulate", exported / "digits.px", "rows.npy", *options)


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY", b"1,2\n3\n", b"a,b\n1,2\n"])
def test_damaged_rows_are_refused_by_name(exported: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rows").write_bytes(content)
    line = refused(tmp_path, "simulate", exported / "digits.px", tmp_path / "rows")
    assert line.startswith(f"{tmp_path / 'rows'}: input data")


def test_something_else_than_an_artifact_is_refused(
    model: Path, exported: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "rows.npy", ROWS)
    for path in (model, exported / "digits.h", tmp_path / "none.px", tmp_path):
        line = refused(tmp_path, "simulate", path, tmp_path / "rows.npy")
        assert line.startswith(f"{path}: ")


def test_a_damaged_artifact_is_refused(exported: Path, tmp_path: Path) -> None:
    data = bytearray((exported / "digits.px").read_bytes())
    data[-40] ^= 1
    (tmp_path / "digits.px").write_bytes(bytes(data))
    np.save(tmp_path / "rows.npy", ROWS)
    before = contents(tmp_path)
    done = pyexport("simulate", tmp_path / "digits.px", tmp_path / "rows.npy")
    assert done.status in (0, 2), "stored rows and vectors are outside the identity"
    for position in range(2000, 4000, 500):
        broken = bytearray((exported / "digits.px").read_bytes())
        broken[len(broken) - position] ^= 0x40
        (tmp_path / "digits.px").write_bytes(bytes(broken))
        assert pyexport("inspect", tmp_path / "digits.px").status in (0, 2)
    assert set(contents(tmp_path)) == set(before)


def test_values_that_a_front_end_saturates_are_counted(tmp_path: Path) -> None:
    model = networks.uneven()
    networks.export(model).write(tmp_path)
    assert model.metadata.calibration is not None
    rows = model.metadata.calibration.inputs[:3].copy()
    np.save(tmp_path / "inside.npy", rows)
    rows[1, 0], rows[2, 3] = 1.0, 600.0
    np.save(tmp_path / "rows.npy", rows)
    assert pyexport("simulate", tmp_path / "net.px", tmp_path / "inside.npy").err == ""
    done = pyexport("simulate", tmp_path / "net.px", tmp_path / "rows.npy")
    assert done.status == 0
    message = f"{tmp_path / 'rows.npy'}: 2 of 15 values lie beyond the calibration rows, where the "
    assert (
        done.err.replace("\n", " ").split()
        == f"warning: {message}front end saturates, as on the device".split()
    )
