"""scratch.load gives back the network that was saved: same engine, same bits when trained on."""

import json

import pytest

from pyexport.errors import PyexportError, UsageError
from pyexport.scratch import (
    MLP,
    SGD,
    Adam,
    Dropout,
    Linear,
    ReLU,
    Sequential,
    Tanh,
    linear_decay,
    load,
)
from pyexport.scratch.checkpoint import KEY, Training
from pyexport.scratch.checkpoint_reader import parse_checkpoint, read_checkpoint
from pyexport.scratch.checkpoint_writer import write_checkpoint
from pyexport.scratch.data import Samples
from pyexport.tensorfile import read_tensorfile, write_tensorfile
from tests.scratch.checkpoints import small

ROWS = [bytes((5 * k % 256, 77 * k % 256, 31 * k % 256)) for k in range(40)]


def weights(net: Sequential) -> list:
    return [(layer.weight, layer.bias) for layer in net.linears]


def train(net: Sequential, optimizer) -> list[float]:
    net.train()
    return [net.step(row, sum(row) % 2, loss="cross_entropy", optimizer=optimizer) for row in ROWS]


@pytest.mark.parametrize(
    ("engine", "options"),
    [
        ("packed", {"input_bits": 12, "clip": 8.0}),
        ("packed", {"input_bits": 4, "clip": 2.0}),
        ("lists", {}),
        ("value", {}),
    ],
)
def test_a_loaded_network_trains_on_with_the_same_bits(tmp_path, engine, options):
    layers = (Linear(3, 6), ReLU(), Dropout(0.25), Linear(6, 4), Tanh(), Dropout(0.5), Linear(4, 2))
    net = Sequential(*layers, seed=3, engine=engine, **options)
    train(net, SGD(0.05))
    net.save(tmp_path / "model.pt")
    again = load(tmp_path / "model.pt")
    assert (again.engine, again.input_bits, again.clip) == (engine, net.input_bits, net.clip)
    assert not again.training
    assert weights(again) == weights(net)
    assert train(again, SGD(0.05)) == train(net, SGD(0.05))
    assert weights(again) == weights(net)


def test_a_schedule_goes_on_where_the_optimizer_is_told_to(tmp_path):
    net, schedule = MLP(3, 4, 2), linear_decay(0.1, 0.01, steps=2 * len(ROWS))
    optimizer = SGD(schedule)
    train(net, optimizer)
    net.save(tmp_path / "model.pt")
    again, other = load(tmp_path / "model.pt"), SGD(schedule)
    other.steps = optimizer.steps
    assert train(again, other) == train(net, optimizer)
    assert weights(again) == weights(net)


def test_another_engine_may_be_asked_for(tmp_path):
    MLP(3, 2, engine="packed", clip=8.0).save(tmp_path / "model.pt")
    net = load(tmp_path / "model.pt", "lists")
    assert net.engine == "lists"
    train(net, Adam())
    with pytest.raises(UsageError, match=r"no engine 'numpy'; use one of value, lists, packed$"):
        load(tmp_path / "model.pt", "numpy")


def test_the_input_scale_and_all_else_that_was_stated_goes_into_the_next_file(tmp_path):
    first, second = tmp_path / "first.pt", tmp_path / "second.pt"
    MLP(3, 4, 2).save(
        first,
        input_scale=1 / 256,
        input_range=(0, 255),
        input_unit="pixel",
        labels=("no", "yes"),
        calibration=ROWS,
        evaluation=Samples(ROWS, [0, 1] * 20),
    )
    net = load(first)
    assert net.statements["input_scale"] == 1 / 256
    net.save(second)
    assert second.read_bytes() == first.read_bytes()
    net.save(second, labels=("a", "b"))
    assert read_checkpoint(second).statements.labels == ("a", "b")
    assert read_checkpoint(second).statements.input_scale == 1 / 256


def test_a_file_without_training_settings_is_read(tmp_path):
    path = tmp_path / "old.pt"
    path.write_bytes(write_checkpoint(small(training=None)))
    assert b"training" not in path.read_bytes()
    net = load(path)
    assert (net.engine, net.n_in, net.n_out) == ("lists", 6, 3)
    assert net.statements["labels"] == ("no", "yes", "perhaps")


def test_what_the_packed_engine_has_no_room_for_is_named_with_the_file(tmp_path):
    settings = Training("packed", 15, 2.0**40)
    (tmp_path / "model.pt").write_bytes(write_checkpoint(small(training=settings)))
    with pytest.raises(UsageError, match=r"model\.pt: .*clip") as caught:
        load(tmp_path / "model.pt")
    assert "\n" not in str(caught.value)
    assert load(tmp_path / "model.pt", "lists").clip == 2.0**40


def test_a_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(PyexportError, match=r"cannot be read .*; name a checkpoint"):
        load(tmp_path / "none.pt")


STATE = "00000001" * 624 + "00000270"


@pytest.mark.parametrize(
    ("training", "message"),
    [
        (7, "training is not an object"),
        ({}, "input_bits is no whole number"),
        ({"input_bits": 8}, "engine is not a text"),
        ({"input_bits": 8, "engine": "lists"}, "clip is not a number"),
        ({"input_bits": 8, "engine": "gpu", "clip": 4.0}, "no engine gpu; use one of value"),
        ({"input_bits": 0, "engine": "lists", "clip": 4.0}, "input_bits are 0; use 1 to 15"),
        ({"input_bits": 10**30, "engine": "lists", "clip": 4.0}, "input_bits is no whole number"),
        ({"input_bits": True, "engine": "lists", "clip": 4.0}, "input_bits is no whole number"),
        ({"input_bits": 8, "engine": "lists", "clip": 3.0}, "use a power of two"),
        ({"input_bits": 8, "engine": "lists", "clip": -4.0}, "use a power of two"),
        ({"input_bits": 8, "engine": "a\nb", "clip": 4.0}, "no engine"),
        *(
            ({"input_bits": 8, "engine": "lists", "clip": 4.0, "dropout": state}, "no state of")
            for state in (3, "", "xyz", STATE[8:], STATE + "00", STATE[:-8] + "00000271")
        ),
    ],
)
def test_damaged_training_settings_are_refused_in_one_line(training, message):
    metadata, tensors = read_tensorfile(write_checkpoint(small()), "f")
    document = {**json.loads(metadata[KEY]), "training": training}
    with pytest.raises(PyexportError, match=message) as caught:
        parse_checkpoint(write_tensorfile({KEY: json.dumps(document)}, tensors), "model.pt")
    assert str(caught.value).startswith("model.pt: ")
    assert str(caught.value).isprintable()


def test_the_random_state_is_read_back_exactly():
    words = tuple(k * 0x9E3779B9 % (1 << 32) for k in range(624))
    network = small(training=Training("value", 3, 0.5, (*words, 624)))
    assert parse_checkpoint(write_checkpoint(network), "f") == network
