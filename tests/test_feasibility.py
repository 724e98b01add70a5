"""Before training: will a network export, what will it cost, which chips hold it?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

import pyexport as api
from pyexport.errors import PyexportError, UnsupportedOperatorError, UsageError
from tests.cli.command import pyexport, refused
from tests.frontends.models import mlp, write_export


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of 52,000 parameters, too many for an ATmega328P, never trained."""
    net = nn.Sequential(nn.Linear(64, 400), nn.ReLU(), nn.Linear(400, 64)).eval()
    return write_export(tmp_path_factory.mktemp("wide") / "wide.pt2", net, torch.zeros(1, 64))


@pytest.mark.parametrize("scheme", ["int8", "float32"])
def test_the_costs_are_those_of_the_export(scheme: str) -> None:
    net = mlp().train()
    found = api.check(net, torch.zeros(1, 64), scheme=scheme)
    assert net.training
    model = api.from_torch(net, torch.zeros(1, 64), input_range=(0, 16))
    artifact = api.quantize(model, scheme=scheme)
    assert (found.parameters, found.macs, found.scheme) == (2778, 2720, scheme)
    assert found.network == "64-32-16-10 network"
    from pyexport.fitting import io_and_scratch_bytes
    from pyexport.lower import lower

    program = lower(artifact.graph)
    assert found.flash_bytes == program.const_bytes
    assert found.ram_bytes == io_and_scratch_bytes(program)
    assert all(fit.fits for fit in found.fits)
    assert "atmega328p" in {fit.target for fit in found.fits}


def test_the_rows_and_the_range_of_a_file_are_those_of_its_export(tmp_path: Path) -> None:
    net, example, rows = nn.Linear(2, 2).eval(), torch.zeros(1, 2), [[0.0, 90.0], [20.0, 3.0]]
    api.save(net, example, tmp_path / "rows.pt", calibration=rows, evaluation=(rows, [0, 1]))
    api.save(net, example, tmp_path / "range.pt", input_range=(0, 90), evaluation=(rows, [0, 1]))
    api.save(net, example, tmp_path / "none.pt", evaluation=(rows, [0, 1]), output_threshold=500)
    for name in ("rows.pt", "range.pt", "none.pt"):
        assert api.check(tmp_path / name).parameters == 6


def test_a_chip_that_is_too_small_is_told_with_the_bytes_it_lacks(wide: Path) -> None:
    small, large = api.check(wide, targets=["atmega328p", "cortex-m4"]).fits
    assert not small.fits and "bytes of tables are" in small.problem
    assert large.fits and large.problem == ""


def test_an_operator_without_a_kernel_is_refused_before_training() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.Hardshrink(), nn.Linear(4, 2))
    with pytest.raises(UnsupportedOperatorError, match=r"hardshrink.*use one of relu"):
        api.check(net, torch.zeros(1, 4))


def test_a_module_without_an_example_is_refused() -> None:
    with pytest.raises(UsageError, match="example"):
        api.check(mlp())
    with pytest.raises(PyexportError, match="unknown"):
        api.check(mlp(), torch.zeros(1, 64), targets=["z80"])


def test_the_command_ends_with_1_where_a_chip_is_too_small(wide: Path) -> None:
    done = pyexport("check", wide)
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("wide.pt2: 64-400-64 network, int8, exports\n")
    rows = {line.split()[0]: line.split()[-1] for line in done.out.splitlines() if "%" in line}
    assert (rows["atmega328p"], rows["cortex-m4"]) == ("no", "yes")
    assert pyexport("check", wide, "--target", "cortex-m4").status == 0
    done = pyexport("check", wide, "--target", "cortex-m4", "--target", "atmega328p", "--json")
    assert done.status == 1
    assert done.err.startswith(f"error: {wide}: the network does not fit ")
    assert [fit["target"] for fit in json.loads(done.out)["fits"]] == ["cortex-m4", "atmega328p"]


def test_the_command_refuses_what_export_refuses(wide: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("1,2\n", encoding="utf-8")
    assert "not a model file" in refused(tmp_path, "check", tmp_path / "rows.csv")
    assert "--scheme int4" in refused(tmp_path, "check", wide, "--scheme", "int4")
    assert "z80" in refused(tmp_path, "check", wide, "--target", "z80")


NET = """
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))

class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 6), nn.Hardshrink())

    def forward(self, x):
        return self.body(x)

lazy = nn.Sequential(nn.LazyLinear(3))
"""


def test_a_network_that_a_python_file_makes_is_checked_and_the_run_is_told(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    done = pyexport("check", f"{tmp_path / 'net.py'}:Net", "--input", "1,4")
    assert done.status == 0
    assert done.out.startswith("net.py:Net: 4-6-3 network, int8, exports\n")
    assert done.err == "warning: check ran the code of net.py, with your rights\n"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("Net", (), "needs --input, the shape of one example"),
        ("Net", ("--input", "1,4", "--arch", "4-3"), "no --arch or --model"),
        ("Net", ("--input", "1,5"), "cannot trace the model"),
        (
            "Own",
            ("--input", "1,4"),
            "aten.hardshrink.default at body.1 (Hardshrink) is not supported; use one",
        ),
        ("lazy", ("--input", "1,4"), "0.weight of a LazyLinear has no shape yet"),
        ("NET", ("--input", "1,4"), "net.py holds no NET; write --model FILE.py:NAME"),
        ("no-name", ("--input", "1,4"), "is not FILE.py:NAME"),
    ],
)
def test_what_is_wrong_with_such_a_network_is_one_line(
    tmp_path: Path, name: str, options: tuple[str, ...], message: str
) -> None:
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "empty").mkdir()
    line = refused(tmp_path / "empty", "check", f"{tmp_path / 'net.py'}:{name}", *options)
    assert message in line


def test_an_untrained_batch_norm_and_an_estimator_are_checked() -> None:
    net = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))
    assert api.check(net, torch.zeros(1, 4)).parameters == 4 * 6 + 6 + 6 * 3 + 3
    with pytest.raises(PyexportError, match="not fitted"):
        api.check(LogisticRegression())
