"""net.save writes what the reader gives back: the same network in every engine."""

import pytest

from pyexport.errors import OutputError, PyexportError, UsageError
from pyexport.scratch import (
    SGD,
    Dropout,
    LeakyReLU,
    Linear,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
)
from pyexport.scratch.checkpoint import Rows
from pyexport.scratch.checkpoint_reader import build_network, read_checkpoint
from pyexport.scratch.data import Samples

ROW = [0.5, -0.25, 1.0]


def network(engine: str = "lists") -> Sequential:
    return Sequential(
        Linear(3, 4), ReLU(), Dropout(0.25), Linear(4, 4), LeakyReLU(0.125), Linear(4, 3),
        Tanh(), Linear(3, 3), Sigmoid(), Linear(3, 2), Softmax(), seed=3, engine=engine,
    )  # fmt: skip


@pytest.mark.parametrize("engine", ["value", "lists", "packed"])
def test_a_trained_network_comes_back_exactly(tmp_path, engine):
    net = network(engine)
    optimizer = SGD(0.1)
    for _ in range(5):
        net.step(ROW, 1, loss="cross_entropy", optimizer=optimizer)
    net.save(tmp_path / "model.pt")
    again = build_network(read_checkpoint(tmp_path / "model.pt"), engine)
    assert [layer.weight for layer in again.linears] == [layer.weight for layer in net.linears]
    assert [layer.bias for layer in again.linears] == [layer.bias for layer in net.linears]
    assert again(ROW) == net(ROW)
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in net.layers]


def test_statements_are_saved(tmp_path):
    rows = [bytes((1, 2, 3)), bytes((4, 5, 255))]
    network().save(
        tmp_path / "model.pt",
        input_scale=1 / 256,
        input_range=(0, 255),
        input_unit="pixel",
        labels=range(2),
        calibration=rows,
        evaluation=Samples(rows, [0, 1]),
    )
    checkpoint = read_checkpoint(tmp_path / "model.pt")
    assert checkpoint.statements.input_scale == 1 / 256
    assert checkpoint.statements.input_range == (0.0, 255.0)
    assert checkpoint.statements.labels == ("0", "1")
    assert checkpoint.calibration == Rows(rows)
    assert checkpoint.evaluation == Rows(rows, [0, 1])


def test_a_layer_of_another_kind_is_refused(tmp_path):
    class Square:
        def forward(self, x, training):
            return x

    net = Sequential(Linear(3, 2), Square())
    with pytest.raises(UsageError, match="layer 1, a Square, has no form in a checkpoint"):
        net.save(tmp_path / "model.pt")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "statement", [{"labels": 3}, {"labels": ("", "b")}, {"calibration": 3}, {"input_unit": 3}]
)
def test_a_wrong_statement_is_refused_and_the_old_file_stays(tmp_path, statement):
    path = tmp_path / "model.pt"
    network().save(path)
    before = path.read_bytes()
    with pytest.raises(PyexportError) as caught:
        network().save(path, **statement)
    assert str(caught.value).isprintable()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_in_place_of_a_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        network().save(tmp_path / "file" / "model.pt")
