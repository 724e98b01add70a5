"""Commands on models of several inputs and outputs: ranges, files of rows, and what is printed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import pyexport as api
from tests.cli.command import pyexport, refused
from tests.frontends.onnx_files import model as onnx_model
from tests.frontends.onnx_files import node

RANDOM = np.random.default_rng(8)
IMAGE = RANDOM.integers(0, 256, (30, 1, 4, 4)).astype(np.float64)  # channels first, as in PyTorch
GAIN = RANDOM.uniform(-1.0, 1.0, (30, 2))


class TwoHeads(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.conv = torch.nn.Conv2d(1, 2, 3)
        self.kind = torch.nn.Linear(10, 3)
        self.box = torch.nn.Linear(10, 4)

    def forward(self, image: torch.Tensor, gain: torch.Tensor) -> dict[str, torch.Tensor]:
        seen = torch.relu(self.conv(image / 255)).flatten(1)
        joined = torch.cat([seen, gain], 1)
        return {"class": self.kind(joined).softmax(1), "box": self.box(joined)}


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("net") / "net.pt2"
    example = (torch.zeros(1, 1, 4, 4), torch.zeros(1, 2))
    torch.export.save(torch.export.export(TwoHeads().eval(), example), path)
    return path


@pytest.fixture(scope="module")
def folder(net: Path) -> Path:
    """The export, calibrated on an array for each input."""
    np.savez(net.parent / "rows.npz", image=IMAGE, gain=GAIN)
    done = pyexport(
        "export", net, "--output", net.parent, "--calibration", net.parent / "rows.npz",
        "--input-range", "image=0:255", "--input-range", "gain=-1:1",
    )  # fmt: skip
    assert done.status == 0, done.err
    return net.parent


def test_export_takes_a_range_and_rows_for_each_input(folder: Path) -> None:
    header = (folder / "net.h").read_text()
    assert "const uint8_t image[NET_IMAGE_SIZE],\n    const int8_t gain[NET_GAIN_SIZE]" in header
    assert "--input-range image=0:255 --input-range gain=-1:1 --calibration rows.npz" in header
    plain = json.loads(pyexport("inspect", folder / "net.px", "--json").out)
    assert plain["name"] == "net"
    shown = pyexport("inspect", folder / "net.px").out
    for line in ("input   image: ", "input   gain: ", "output  class_: ", "output  box: "):
        assert line in shown


@pytest.mark.parametrize("engine", ["fast", "definition"])
def test_simulate_gives_each_output_under_its_name(folder: Path, engine: str) -> None:
    done = pyexport(
        "simulate", folder / "net.px", folder / "rows.npz", "--engine", engine, "--json"
    )
    found = json.loads(done.out)
    whole = api.simulate(folder / "net.px", {"image": IMAGE, "gain": GAIN})
    outputs = np.hstack([found["outputs"]["class_"], found["outputs"]["box"]])
    assert np.array_equal(outputs, whole)
    assert found["classes"]["class_"] == whole[:, :3].argmax(axis=1).tolist()
    with torch.no_grad():
        ideal = TwoHeads()(torch.tensor(IMAGE).float(), torch.tensor(GAIN).float())
    assert np.abs(whole[:, :3] / 256 - ideal["class"].numpy()).max() < 0.03


def test_rows_side_by_side_are_the_same_rows(folder: Path) -> None:
    np.save(folder / "flat.npy", np.hstack([IMAGE.reshape(30, 16), GAIN]))
    outputs = [
        pyexport("simulate", folder / "net.px", folder / name, "--json").out
        for name in ("flat.npy", "rows.npz")
    ]
    assert outputs[0] == outputs[1]
    for name in ("out.npz", "out.csv", "out.idx"):
        done = pyexport(
            "simulate", folder / "net.px", folder / "rows.npz", "--output", folder / name
        )
        assert done.status == 0, done.err
    with np.load(folder / "out.npz") as written:
        assert {k: v.dtype.name for k, v in written.items()} == {"class_": "uint8", "box": "int8"}
    assert (folder / "out.csv").read_text().startswith("class_0,class_1,class_2,box0,")


def test_verify_takes_rows_of_all_inputs(folder: Path) -> None:
    done = pyexport(
        "verify", folder / "net.h", "--dataset", folder / "rows.npz", "--suite", "dataset", "--json"
    )
    report = json.loads(done.out)
    assert done.status == 0
    assert [t["rows"] for t in report["targets"]] == [30]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"image": IMAGE}, "hold image; name an array `gain`"),
        ({"image": IMAGE, "gain": GAIN[:5]}, "the inputs have 5 and 30 rows"),
        ({"image": IMAGE[:, :, :3], "gain": GAIN}, "image, have shape"),
    ],
)
def test_rows_that_do_not_fit_are_refused(
    folder: Path, tmp_path: Path, arrays: dict[str, np.ndarray], said: str
) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)  # type: ignore[arg-type]
    assert said in refused(tmp_path, "simulate", folder / "net.px", tmp_path / "bad.npz")


@pytest.mark.parametrize(
    ("ranges", "said"),
    [
        (["gain=-1:1"], "range of the input image; pass --input-range image=LOW:HIGH"),
        (["0:1", "up=0:1"], "no input is called up; there are image, gain"),
        (["gain=0:1", "gain=0:2"], "given twice for gain"),
        (["=0:1"], "nor INPUT=LOW:HIGH"),
        (["gain=1:0"], "nor INPUT=LOW:HIGH"),
    ],
)
def test_ranges_that_do_not_fit_are_refused(
    net: Path, tmp_path: Path, ranges: list[str], said: str
) -> None:
    options = [word for one in ranges for word in ("--input-range", one)]
    assert said in refused(tmp_path, "export", net, "--output", tmp_path, *options)


def test_a_range_without_a_name_holds_for_all_other_inputs(net: Path, tmp_path: Path) -> None:
    done = pyexport(
        "export", net, "--output", tmp_path, "--input-range", "0:255", "--input-range", "gain=0:1"
    )
    assert done.status == 0, done.err
    header = (tmp_path / "net.h").read_text()
    assert "#define NET_IMAGE_SCALE 1.0f" in header
    assert "#define NET_GAIN_SCALE 0.00392156886f" in header


def test_an_onnx_file_names_its_inputs_and_outputs(tmp_path: Path) -> None:
    made = onnx_model(
        [node("Add", "left.in", "right.in", out="sum"), node("Mul", "sum", "sum", out="square")],
        inputs={"left.in": (1, 4), "right.in": (1, 4)},
        outputs=("sum", "square"),
    )
    onnx.save(made, tmp_path / "two.onnx")
    done = pyexport("export", tmp_path / "two.onnx", "--output", tmp_path, "--input-range", "-8:8")
    assert done.status == 0, done.err
    declared = (tmp_path / "two.h").read_text().split("two_predict(")[1].split(")")[0]
    assert [text.split("[")[0].split()[-1] for text in declared.split(",")] == [
        "left_in", "right_in", "sum", "square",
    ]  # fmt: skip
