"""--trust opens what must be run to be read, says that it ran it, and fails in one line."""

from __future__ import annotations

import io
import pathlib
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from pyexport.errors import PyexportError
from pyexport.frontends import load_model
from pyexport.pipeline import ExportOptions, export_model
from tests.cli.command import pyexport

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Linear(3, 4), nn.BatchNorm1d(4)
        self.drop, self.last = nn.Dropout(0.3), nn.Linear(4, 2)

    def forward(self, x):
        x = self.drop(torch.relu(self.norm(self.first(x))))
        return torch.softmax(self.last(x), -1)
"""
SHAPE = (1, 3)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Path]:
    """A folder with the author's file, importable while the test writes its models."""
    (tmp_path / "author_net.py").write_text(NET)
    sys.path.insert(0, str(tmp_path))
    yield tmp_path
    sys.path.remove(str(tmp_path))
    sys.modules.pop("author_net", None)


def author() -> nn.Module:
    import author_net  # type: ignore[import-not-found]

    torch.manual_seed(3)
    net: nn.Module = author_net.Net().eval()
    for name in ("running_mean", "running_var"):
        net.get_buffer(f"norm.{name}").uniform_(0.5, 2)
    return net


def forget_the_author(folder: Path) -> None:
    """Make the classes of the file unimportable, as on another computer."""
    sys.path.remove(str(folder))
    sys.modules.pop("author_net")
    sys.path.insert(0, str(folder))
    (folder / "author_net.py").rename(folder / "elsewhere.py")


def write(folder: Path, kind: str, net: nn.Module) -> Path:
    path = folder / "model.pt"
    example = torch.zeros(SHAPE)
    match kind:
        case "traced":
            torch.jit.trace(net, example).save(str(path))
        case "scripted":
            torch.jit.script(net).save(str(path))
        case "legacy":
            torch.save(net, path, _use_new_zipfile_serialization=False)
        case "pickled":
            path.write_bytes(pickle.dumps(net))
        case "checkpoint":
            torch.save({"epoch": 3, "net": net}, path)
        case _:
            torch.save(net, path)
    return path


KINDS = ["traced", "scripted", "legacy", "pickled", "checkpoint", "whole"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_parameters_of_the_archive(source: Path, kind: str) -> None:
    net, buffer = author(), io.BytesIO()
    torch.export.save(torch.export.export(net, (torch.zeros(SHAPE),)), buffer)
    (source / "archive.pt2").write_bytes(buffer.getvalue())
    path = write(source, kind, net)
    model = load_model(path, trust=True, input_shape=None if kind == "traced" else SHAPE)
    assert model.metadata.warnings[0] == "--trust ran the code in model.pt, with your rights"
    assert model.metadata.source_name == "model.pt"
    options = ExportOptions("m", input_range=(0.0, 1.0))
    archive = export_model(load_model(source / "archive.pt2"), options).artifact
    assert export_model(model, options).artifact.identity == archive.identity


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_without_trust_the_line_names_it_and_nothing_runs(source: Path, kind: str) -> None:
    path = write(source, kind, author())
    with pytest.raises(PyexportError, match=r"nothing of it was run.*pass --trust, which runs it"):
        load_model(path)


def test_a_class_is_found_in_the_file_that_model_names(source: Path) -> None:
    path = write(source, "whole", author())
    forget_the_author(source)
    with pytest.raises(PyexportError, match=r"No module named 'author_net'.*--model FILE.py:CLASS"):
        load_model(path, trust=True, input_shape=SHAPE)
    code = f"{source / 'elsewhere.py'}:Net"
    model = load_model(path, trust=True, code=code, input_shape=SHAPE)
    assert model.graph.output.shape == (2,)
    ran = "--trust ran the code in model.pt and of elsewhere.py, with your rights"
    assert ran in model.metadata.warnings


def test_a_class_of_a_script_is_found_too(source: Path) -> None:
    net = author()
    type(net).__module__ = "__main__"
    sys.modules["__main__"].Net = type(net)  # type: ignore[attr-defined]
    try:
        path = write(source, "whole", net)
    finally:
        del sys.modules["__main__"].Net  # type: ignore[attr-defined]
    code = f"{source / 'author_net.py'}:Net"
    assert load_model(path, trust=True, code=code, input_shape=SHAPE).graph.nodes


@pytest.mark.parametrize("kind", ["scripted", "whole"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_missing_input_shape_is_asked_for(source: Path, kind: str) -> None:
    path = write(source, kind, author())
    with pytest.raises(PyexportError, match=r"add --input .*--input 1,64"):
        load_model(path, trust=True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("kind", ["scripted", "whole"])
def test_the_shape_may_stand_in_model_toml(source: Path, kind: str) -> None:
    path = write(source, kind, author())
    (source / "model.toml").write_text('labels = ["a", "b"]\n[input]\nshape = [3]\n')
    model = load_model(path, trust=True)
    assert (model.graph.input.shape, model.metadata.labels) == ((3,), ("a", "b"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_options_that_a_file_does_not_need_are_refused(source: Path) -> None:
    net = author()
    for kind, options in (
        ("traced", {"arch": "3-2"}),
        ("traced", {"code": f"{source / 'author_net.py'}:Net"}),
        ("whole", {"arch": "3-2", "input_shape": SHAPE}),
    ):
        with pytest.raises(PyexportError, match="holds its layers itself; leave --arch"):
            load_model(write(source, kind, net), trust=True, **options)
    path = source / "archive.pt2"
    torch.export.save(torch.export.export(net, (torch.zeros(SHAPE),)), path)
    with pytest.raises(PyexportError, match="leave --arch, --model and --input out"):
        load_model(path, trust=True, input_shape=SHAPE)


def test_old_weights_need_their_layers_as_new_ones_do(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).half()
    path = tmp_path / "old.pt"
    torch.save(net.state_dict(), path, _use_new_zipfile_serialization=False)
    with pytest.raises(PyexportError, match="--arch 3-4r-2"):
        load_model(path, trust=True)
    model = load_model(path, trust=True, arch="3-4r-2")
    np.testing.assert_array_equal(
        model.graph.nodes[0].op.weight, net[0].weight.detach().float().numpy()
    )


def test_stock_layers_that_cannot_be_read_are_run_only_with_trust_and_a_shape(
    tmp_path: Path,
) -> None:
    net = nn.Sequential(nn.Unflatten(1, (1, 3)), nn.Flatten(), nn.Linear(3, 2))
    torch.save(net, tmp_path / "m.pt")
    for options in ({}, {"trust": True}):
        with pytest.raises(PyexportError, match="cannot be read from a pickled module"):
            load_model(tmp_path / "m.pt", **options)
    model = load_model(tmp_path / "m.pt", trust=True, input_shape=SHAPE)
    assert model.metadata.warnings == ("--trust ran the code in m.pt, with your rights",)


def test_stock_layers_that_can_be_read_are_not_run_even_with_trust(tmp_path: Path) -> None:
    torch.save(nn.Sequential(nn.Linear(3, 2)), tmp_path / "m.pt")
    model = load_model(tmp_path / "m.pt", trust=True, input_shape=SHAPE)
    assert model.metadata.warnings == ()


def test_a_plain_pickle_of_an_estimator_and_of_nothing(tmp_path: Path) -> None:
    fitted = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    torch.save(fitted, tmp_path / "a.pt")
    model = load_model(tmp_path / "a.pt", trust=True)
    assert (model.metadata.source_name, model.graph.output.shape) == ("a.pt", (2,))
    (tmp_path / "b.pkl").write_bytes(pickle.dumps(np.dtype("f4")))
    with pytest.raises(
        PyexportError, match=r"holds no model but .*; save a torch.nn.Module.*--trust ran"
    ):
        load_model(tmp_path / "b.pkl", trust=True)


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return (exec, ("raise SystemExit('two\\nlines')",))


def test_code_that_fails_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "b.pkl").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(
        PyexportError, match=r"loading it failed \(SystemExit: two\).*--trust ran"
    ) as caught:
        load_model(tmp_path / "b.pkl", trust=True)
    assert str(caught.value).isprintable()
    with pytest.raises(PyexportError, match="nothing of it was run"):
        load_model(tmp_path / "b.pkl")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_command_line_warns_that_the_file_was_run(source: Path) -> None:
    path = write(source, "traced", author())
    arguments = ["--trust", "--scheme", "float32", "--output", source / "out"]
    done = pyexport("export", path, *arguments)
    assert done.status == 0
    assert "warning: --trust ran the code in model.pt, with your rights" in done.err


def test_inspect_does_not_say_that_nothing_was_run_of_what_it_ran(source: Path) -> None:
    path = source / "a.pkl"
    path.write_bytes(pickle.dumps(pathlib.PurePosixPath("x")))
    assert "nothing of it was run" in pyexport("inspect", path).out
    done = pyexport("inspect", path, "--trust")
    assert done.status == 0, done.err
    assert "nothing of it was run" not in done.out
    assert "--trust ran the code in a.pkl" in done.out
