"""`pyexport inspect` of files that an export would refuse: what they hold, and every reason."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from pyexport.tensorfile import RawTensor, write_tensorfile
from tests.cli.command import pyexport, refused
from tests.frontends.models import Wrapped, mlp, rezip, seeded, tiny, write_export

ROOT = Path(__file__).resolve().parents[2]
LAYERS = (nn.Linear(4, 4), nn.Hardshrink(), nn.Linear(4, 4), nn.Softshrink(), nn.Linear(4, 2))


def described(path: Path, *options: object) -> tuple[list[str], dict[str, object]]:
    """Return the lines of the text and the JSON document; both must end in status 0."""
    done, as_json = pyexport("inspect", path, *options), pyexport("inspect", path, "--json")
    assert (done.status, done.err, as_json.status, as_json.err) == (0, "", 0, "")
    assert all(line.isprintable() for line in done.out.splitlines())
    document: dict[str, object] = json.loads(as_json.out)
    return done.out.splitlines(), document


def reasons(lines: list[str]) -> list[str]:
    prefix = "an export would refuse this: "
    return [line.removeprefix(prefix) for line in lines if line.startswith(prefix)]


@pytest.mark.parametrize("form", ["archive", "pickled module"])
def test_every_reason_is_listed_and_not_only_the_first(tmp_path: Path, form: str) -> None:
    net, path = seeded(lambda: nn.Sequential(*LAYERS)), tmp_path / "m.pt"
    net[4].get_parameter("bias").data[0] = float("nan")
    if form == "archive":
        write_export(path, net, torch.zeros(1, 4))
    else:
        torch.save(net, path)
    lines, document = described(path)
    found = reasons(lines)
    assert len(found) == 3
    for word in ("Hardshrink", "Softshrink", "4.bias has 1 NaN"):
        assert word in " ".join(found)
    assert document["refusals"] == found
    assert document["parameters"] == 50
    assert [part["name"] for part in document["operators"]] == ["0", "1", "2", "3", "4"]  # type: ignore[attr-defined]


def test_an_archive_tells_producer_layers_shapes_and_stored_types(tmp_path: Path) -> None:
    net = nn.Sequential(*LAYERS).eval().bfloat16()
    example = torch.zeros(1, 4, dtype=torch.bfloat16)
    lines, document = described(write_export(tmp_path / "m.pt", net, example))
    assert lines[0] == f"m.pt: torch.export archive, torch {torch.__version__}"
    rows = [" ".join(line.split()) for line in lines]
    assert "2 aten.linear.default (Linear) 1x4 20" in rows
    assert "2.weight bfloat16 4x4 16" in rows
    assert document["producer"] == f"torch {torch.__version__}"


def test_the_operators_of_a_net_of_several_inputs_are_listed(tmp_path: Path) -> None:
    net = seeded(lambda: Wrapped({"f": nn.Linear(4, 4)}, lambda m, x, y: torch.tanh(m.f(x)) + y))
    path = write_export(tmp_path / "m.pt", net, torch.zeros(1, 4), torch.ones(1, 4))
    done = pyexport("inspect", path)
    assert done.status == 0
    assert "tells no input range: sizes are those of int8 with inputs of 0..1" in done.err
    assert not reasons(done.out.splitlines())
    assert [word for word in ("linear0", "activation0", "add0") if word not in done.out] == []


def test_a_state_dict_lists_its_tensors_and_the_remedies(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "model": mlp().half().state_dict()}, tmp_path / "m.pt")
    lines, document = described(tmp_path / "m.pt")
    rows = [" ".join(line.split()) for line in lines]
    assert "3.weight float16 16x32 512" in rows
    (reason,) = reasons(lines)
    assert "--arch 64-32r-16r-10" in reason and "--model FILE.py:CLASS" in reason
    assert document["parameters"] == 2778
    costs = pyexport("inspect", tmp_path / "m.pt", "--arch", "64-32r-16r-10")
    assert costs.status == 0 and "64-32-16-10 network" in costs.out


@pytest.mark.parametrize("form", ["state_dict", "safetensors"])
def test_weights_that_are_not_finite_are_told_tensor_by_tensor(tmp_path: Path, form: str) -> None:
    net, path = tiny(), tmp_path / "m.pt"
    with torch.no_grad():
        net[0].get_parameter("bias")[1] = float("nan")
        net[2].get_parameter("weight")[0] = float("inf")
    if form == "state_dict":
        torch.save(net.state_dict(), path)
    else:
        raw = {
            name: RawTensor("F32", tuple(tensor.shape), tensor.detach().numpy().tobytes())
            for name, tensor in net.state_dict().items()
        }
        path.write_bytes(write_tensorfile({}, raw))
    missing, *found = reasons(described(path)[0])
    assert "--arch" in missing
    assert sorted(reason.split(";")[0] for reason in found) == [
        "0.bias has 1 NaN value", "2.weight has 4 infinite values",
    ]  # fmt: skip


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_trusted_file_shows_its_costs_and_that_it_was_run(tmp_path: Path) -> None:
    torch.jit.trace(tiny(), torch.zeros(1, 3)).save(str(tmp_path / "m.pt"))
    for command in ("inspect", "check"):
        done = pyexport(command, tmp_path / "m.pt", "--trust")
        assert done.status == 0 and "3-4-2 network" in done.out
        assert "warning: --trust ran the code in m.pt, with your rights" in done.err


def test_options_of_the_layers_reach_the_costs(tmp_path: Path) -> None:
    torch.save(tiny().state_dict(), tmp_path / "m.pt")
    (tmp_path / "net.py").write_text(
        "from torch import nn\n"
        "def make(): return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))\n"
    )
    options = ("--model", f"{tmp_path / 'net.py'}:make", "--input", "1,3")
    for command in ("inspect", "check"):
        done = pyexport(command, tmp_path / "m.pt", *options)
        assert done.status == 0 and "3-4-2 network" in done.out
        assert "warning: --model ran the code of net.py, with your rights" in done.err
    assert "--input" in refused(tmp_path, "inspect", tmp_path / "m.pt", *options[:2])


class Own(nn.Linear):
    """A class that only this file knows."""


def write_pickle(kind: str, path: Path) -> Path:
    match kind:
        case "own":
            torch.save(Own(3, 2), path)
        case "legacy":
            torch.save(Own(3, 2), path, _use_new_zipfile_serialization=False)
        case "estimator":
            path.write_bytes(pickle.dumps(LogisticRegression().fit([[0.0], [1.0]], [0, 1])))
        case _:
            path.write_bytes(b"cposix\nsystem\n(S'touch \x1b[31mcanary'\ntR.")
    return path


@pytest.mark.parametrize(
    ("kind", "imported"),
    [
        ("own", "tests.cli.test_inspect_contents.Own"),
        ("legacy", "tests.cli.test_inspect_contents.Own"),
        ("estimator", "sklearn.linear_model._logistic.LogisticRegression"),
        ("attack", "posix.system"),
    ],
)
def test_a_pickle_lists_what_it_would_import_and_nothing_is_run(
    tmp_path: Path, kind: str, imported: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines, document = described(write_pickle(kind, tmp_path / "m.bin"))
    assert f"  {imported}" in lines
    assert imported in document["imports"]  # type: ignore[operator]
    assert "nothing of it was run" in " ".join(lines)
    (reason,) = reasons(lines)
    assert "--trust" in reason
    assert [p.name for p in tmp_path.iterdir()] == ["m.bin"]


def a_zip(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return buffer.getvalue()


def npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, inputs=np.zeros(3))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\x89HDF\r\n\x1a\n" + bytes(8), "an HDF5 file (of Keras, it seems), which cannot"),
        (b"\x1c\0\0\0TFL3" + bytes(8), "a TensorFlow Lite model"),
        (a_zip("config.json", "model.weights.h5"), "a Keras file"),
        (a_zip("m/data/aotinductor/model/a.so"), "an AOTInductor package"),
        (npz(), "a NumPy .npz file: data, not a model"),
        (b"\x1f\x8b\x08" + bytes(20), "a compressed file (gzip"),
        (b"\x7fELF" + bytes(20), "a compiled program (ELF)"),
        (b'{"a": 1}', "a JSON text, not a model file"),
    ],
)
def test_what_cannot_be_read_gets_its_sentence(tmp_path: Path, data: bytes, sentence: str) -> None:
    (tmp_path / "m.bin").write_bytes(data)
    lines, document = described(tmp_path / "m.bin")
    assert lines[0].startswith(f"m.bin: {sentence}")
    assert len(reasons(lines)) == 1
    assert str(document["format"]).startswith(sentence)


@pytest.mark.parametrize(
    "data",
    [b"", b"\0" * 8, a_zip("a")[:-9]],
    ids=["empty", "zeros", "zip without its end"],
)
def test_a_file_of_which_nothing_can_be_said_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "m.bin").write_bytes(data)
    assert "m.bin: " in refused(tmp_path, "inspect", tmp_path / "m.bin")


def test_hostile_names_are_escaped_and_long_lists_cut(tmp_path: Path) -> None:
    evil = "\x1b]0;title\x07[bold red]x[/]\n"
    torch.save({f"{evil}{i}": torch.zeros(2, 2) for i in range(300)}, tmp_path / "m.pt")
    done = pyexport("inspect", tmp_path / "m.pt")
    assert done.status == 0
    assert "\x1b" not in done.out and "[bold red]x[/]" in done.out
    assert "and 100 more entries" in done.out
    assert len(json.loads(pyexport("inspect", tmp_path / "m.pt", "--json").out)["tensors"]) == 200


def test_a_pickled_tensor_and_an_unknown_operator_are_both_told(tmp_path: Path) -> None:
    net = seeded(lambda: nn.Sequential(nn.Linear(3, 3), nn.Hardshrink()))

    def edit(name: str, content: bytes) -> bytes:
        if not name.endswith("model_weights_config.json"):
            return content
        document = json.loads(content)
        document["config"]["0.weight"]["use_pickle"] = True
        return json.dumps(document).encode()

    path = write_export(tmp_path / "m.pt", net, torch.zeros(1, 3))
    path.write_bytes(rezip(path.read_bytes(), edit))
    found = reasons(described(path)[0])
    assert ["pickle" in found[0], "hardshrink" in found[1]] == [True, True]


@pytest.mark.parametrize("kind", ["archive", "safetensors", "scratch"])
def test_inspect_starts_without_torch_scikit_learn_and_scipy(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "m.bin"
    if kind == "archive":
        write_export(path, nn.Sequential(nn.Linear(3, 3), nn.Sigmoid()), torch.zeros(1, 3))
    elif kind == "safetensors":
        path.write_bytes(write_tensorfile({}, {"w": RawTensor("F32", (1,), bytes(4))}))
    else:
        from pyexport import scratch

        scratch.nn.Sequential(scratch.nn.Linear(2, 3), scratch.nn.Linear(3, 2)).save(path)
    script = (
        "import sys; from pyexport.cli import main\n"
        "try: main(['inspect', sys.argv[1]])\n"
        "finally: print(sorted({'torch', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
