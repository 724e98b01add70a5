"""Live PyTorch and scikit-learn models: exported as they stand, or refused in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

import pyexport
from pyexport.errors import PyexportError, UsageError
from tests.frontends.models import Wrapped, evaluate, mlp, seeded, tiny

EXAMPLE = torch.zeros(1, 3)
ROOT = Path(__file__).resolve().parents[2]


def normed() -> nn.Sequential:
    return seeded(
        lambda: nn.Sequential(
            nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 2)
        )
    )


def test_export_takes_a_live_module_and_all_that_is_known_about_it(tmp_path: Path) -> None:
    rows = np.linspace(0, 4, 30).reshape(10, 3)
    result = pyexport.export(
        tiny(), EXAMPLE, output=tmp_path, name="net", input_range=(0, 4), input_unit="volt",
        calibration=rows, labels=["off", "on"], target="cortex-m4", per_channel=False,
    )  # fmt: skip
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.h", "net.json", "net.px"]
    artifact = result.artifact
    assert (artifact.labels, artifact.input_unit, artifact.target) == (
        ("off", "on"), "volt", "cortex-m4",
    )  # fmt: skip
    assert (artifact.calibration.kind, artifact.calibration.rows) == ("data", 10)


def test_a_live_module_and_its_file_give_the_same_parameters(tmp_path: Path) -> None:
    net, options = mlp(), {"input_range": (0, 16)}
    pyexport.save(net, torch.zeros(1, 64), tmp_path / "net.pt", **options)
    live = pyexport.export(net, torch.zeros(1, 64), tmp_path / "a", "net", **options)
    stored = pyexport.export(tmp_path / "net.pt", tmp_path / "b", "net")
    assert live.artifact.identity == stored.artifact.identity


def test_export_takes_a_live_scikit_learn_model(tmp_path: Path) -> None:
    rows = np.arange(80).reshape(20, 4) % 7
    fitted = LogisticRegression().fit(rows, rows[:, 0] > 3)
    made = pyexport.export(fitted, None, tmp_path, "gate", input_range=(0, 6), calibration=rows)
    assert made.artifact.name == "gate"
    assert (tmp_path / "gate.h").exists()
    assert pyexport.check(fitted).network == made.header.split(" network, int8")[0].split()[-1] + (
        " network"
    )


def test_a_module_in_training_mode_is_exported_in_evaluation_mode_and_left_as_it_was(
    tmp_path: Path,
) -> None:
    net = normed().train()
    net[1].eval()
    trained = pyexport.export(net, EXAMPLE, tmp_path, "a", input_range=(0, 1))
    assert [m.training for m in net.modules()] == [True, True, False, True, True, True]
    evaluated = pyexport.export(net.eval(), EXAMPLE, tmp_path, "b", input_range=(0, 1))
    assert trained.artifact.identity == evaluated.artifact.identity


def loop(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    while x.sum() > 0:
        x = x - 1
    return x


def counted(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    for _ in range(int(x.sum())):
        x = x + 1
    return x


def branch(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    if x.sum() > 0:
        return x
    return -x


@pytest.mark.parametrize("call", ["export", "save", "check", "from_torch"])
@pytest.mark.parametrize(
    ("forward", "line"),
    [(branch, "if x.sum() > 0:"), (loop, "while x.sum() > 0:"), (counted, "range(int(x.sum()))")],
)
def test_data_dependent_control_flow_is_refused_in_one_line_that_quotes_it(
    tmp_path: Path, call: str, forward: object, line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    net = Wrapped({}, forward).train()  # type: ignore[arg-type]
    more = {"export": (tmp_path / "x",), "save": (tmp_path / "x.pt",)}.get(call, ())
    with pytest.raises(PyexportError) as caught:
        getattr(pyexport, call)(net, EXAMPLE, *more)
    message = str(caught.value)
    assert "branches or loops on the values of a tensor (test_live_models.py, line" in message
    assert line in message
    assert message.isprintable() and len(message) < 400
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    assert capfd.readouterr() == ("", "")
    assert net.training and list(tmp_path.iterdir()) == []


def test_a_page_of_torch_never_reaches_the_terminal(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        "import torch, pyexport\n"
        "class Net(torch.nn.Module):\n"
        "    def forward(self, x):\n"
        "        return x if x.sum() > 0 else -x\n"
        "pyexport.export(Net(), torch.zeros(1, 3), output='out')\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) < 30
    assert done.stderr.count("Traceback") == 1
    assert "train.py, line 4: return x if x.sum() > 0 else -x" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("layer", [nn.LazyLinear(2), nn.LazyBatchNorm1d()])
def test_a_lazy_layer_without_a_shape_is_refused_in_one_line(layer: nn.Module) -> None:
    with pytest.raises(PyexportError, match=r"has no shape yet; call the model once") as caught:
        pyexport.from_torch(nn.Sequential(nn.ReLU(), layer), EXAMPLE)
    assert type(layer).__name__ in str(caught.value)


def test_a_lazy_layer_that_knows_its_shape_is_exported() -> None:
    net = nn.Sequential(nn.LazyLinear(2))
    net(EXAMPLE)
    assert pyexport.from_torch(net, EXAMPLE).graph.output.shape == (2,)


def test_a_module_without_values_is_refused() -> None:
    net = nn.Linear(3, 2, device="meta")
    with pytest.raises(PyexportError, match="weight is on the meta device, without values"):
        pyexport.from_torch(net, EXAMPLE)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_module_of_another_float_type_takes_any_float_example(dtype: torch.dtype) -> None:
    net = normed().to(dtype)
    graph = pyexport.from_torch(net, EXAMPLE, calibration=torch.zeros(2, 3, dtype=dtype)).graph
    rows = np.linspace(-1, 1, 15).reshape(5, 3)
    with torch.no_grad():
        expected = net(torch.tensor(rows, dtype=dtype)).double().numpy()
    np.testing.assert_allclose(evaluate(graph, rows), expected, atol=0.02)
    assert {p.dtype for p in net.parameters()} == {dtype}


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((tiny(),), {}),
        ((tiny(), EXAMPLE, "a", "b", "c"), {}),
        ((tiny(), EXAMPLE), {"example": EXAMPLE}),
        (("model.pt", "out", "name", "more"), {}),
        (("model.pt",), {"example": EXAMPLE}),
    ],
)
def test_wrong_arguments_of_export_are_refused(
    arguments: tuple[object, ...], options: dict[str, object]
) -> None:
    with pytest.raises(UsageError, match="example"):
        pyexport.export(*arguments, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_rnge": (0, 1)}, "export takes no argument input_rnge; use scheme, .*input_range"),
        ({}, r"Sequential: nothing tells the input's range; pass input_range=\(low, high\)"),
    ],
)
def test_a_live_model_is_refused_in_the_words_of_python(
    tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(PyexportError, match=message):
        pyexport.export(tiny(), EXAMPLE, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
