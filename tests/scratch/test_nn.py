"""Networks as a user meets them: training, reproducibility, memory, and clear refusals."""

from __future__ import annotations

import gc
import hashlib
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pyexport.errors import InvalidModelError, PyexportError, UsageError
from pyexport.scratch import MLP, SGD, Adam, Sequential

ROOT = Path(__file__).resolve().parents[2]
ENGINES = ("value", "lists", "packed")

TRAIN = """
import hashlib, sys
from random import Random
from pyexport.scratch import SGD, MLP

net = MLP(20, 12, 4, seed=5, engine=sys.argv[1])
net.train()
rng = Random(6)
optimizer = SGD(0.05)
for _ in range(int(sys.argv[2])):
    x = bytes(rng.randrange(256) if rng.random() < 0.4 else 0 for _ in range(20))
    net.step(x, sum(x) % 4, loss="cross_entropy", optimizer=optimizer)
weights = [(layer.weight, layer.bias) for layer in net.linears]
print(hashlib.sha256(repr(weights).encode()).hexdigest())
"""
BLOCKED = "import sys; sys.modules['numpy'] = None\n"


def run_training(python: str, engine: str, steps: int) -> str:
    """Return the hash of the weights that a fresh interpreter ends up with."""
    command = [
        python,
        "-I",
        "-c",
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n" + BLOCKED + TRAIN,
    ]
    done = subprocess.run([*command, engine, str(steps)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def other_pythons() -> list[str]:
    """Return the interpreters beside this one that start."""
    found = []
    names = [f"python3.{minor}" for minor in range(11, 16)]
    names += map(str, Path.home().glob(".pyenv/versions/3.1[1-9].*/bin/python"))
    for name in names:
        try:
            done = subprocess.run(
                [name, "-c", "import sys; print(sys.executable)"],
                capture_output=True,
                text=True,
            )
        except OSError:
            continue
        if done.returncode == 0 and done.stdout.strip():
            found.append(done.stdout.strip())
    return found


# Of the weights after TRAIN; other C libraries might round exp and log otherwise than glibc.
HASHES = {"value": "745b0189b68f", "lists": "fbcf0559247b", "packed": "7795fcfc30e8"}


@pytest.mark.parametrize(("engine", "steps"), [("value", 20), ("lists", 200), ("packed", 200)])
def test_every_python_at_hand_trains_to_the_same_weights(engine: str, steps: int) -> None:
    for python in {sys.executable, *other_pythons()}:
        assert run_training(python, engine, steps).startswith(HASHES[engine]), python


def test_only_the_standard_library_is_imported() -> None:
    program = (
        "import sys; sys.modules['numpy'] = None\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "before = set(sys.modules)\n"
        "import pyexport.scratch\n"
        "names = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "assert names - sys.stdlib_module_names == {'pyexport'}, names\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def blobs(count: int, seed: int) -> list[tuple[list[float], int]]:
    """Return points of three clusters."""
    rng = Random(seed)
    centers = [(-0.6, -0.5), (0.6, -0.5), (0.0, 0.6)]
    points = []
    for k in range(count):
        x, y = centers[k % 3]
        points.append(([x + rng.gauss(0, 0.12), y + rng.gauss(0, 0.12)], k % 3))
    return points


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("loss", ["cross_entropy", "rmse", "mse", "hinge"])
def test_every_engine_learns_with_every_loss(engine: str, loss: str) -> None:
    net = MLP(2, 8, 3, seed=1, engine=engine, output_gain=0.25)
    optimizer = SGD(0.05)
    data = blobs(90, seed=2)
    for _ in range(6):
        for x, label in data:
            net.step(x, label, loss=loss, optimizer=optimizer)
    assert sum(net.classify(x) == label for x, label in data) >= 88


def test_seeds_decide_the_weights() -> None:
    first, second, third = (MLP(4, 3, 2, seed=seed).linears[0].weight for seed in (1, 1, 2))
    assert first == second != third


def test_scalar_and_list_engines_compute_the_same_bits() -> None:
    value, lists = (MLP(9, 7, 3, seed=8, engine=engine) for engine in ("value", "lists"))
    rng = Random(9)
    for _ in range(5):
        x = [rng.uniform(-1, 1) for _ in range(9)]
        assert value(x) == lists(x)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_step_leaves_no_garbage(engine: str) -> None:
    net = MLP(4, 3, 2, engine=engine)
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            net.step([0.5] * 4, 1, loss="hinge", optimizer=SGD(0.01))
            net.value_and_gradient([0.5] * 4, loss="rmse", target=0)
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize("engine", ENGINES)
def test_input_gradients_leave_the_weights_alone(engine: str) -> None:
    net, untouched = (MLP(4, 3, 2, engine=engine) for _ in range(2))
    net.value_and_gradient([0.5] * 4, loss="mse", target=1)
    for one, other in zip(net.linears, untouched.linears, strict=True):
        assert (one.weight, one.bias) == (other.weight, other.bias)
    for each in (net, untouched):  # and leave nothing to the next step
        each.step([0.25] * 4, 0, loss="mse", optimizer=SGD(0.1))
    for one, other in zip(net.linears, untouched.linears, strict=True):
        assert (one.weight, one.bias) == (other.weight, other.bias)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("x", "target", "loss", "message"),
    [
        ([0.5] * 3, 0, "mse", "takes 4 inputs, not 3"),
        (b"", 0, "mse", "takes 4 inputs, not 0"),
        ([0.5, float("nan"), 0.0, 0.0], 0, "mse", "NaN or infinite"),
        ([0.5, float("inf"), 0.0, 0.0], 0, "mse", "NaN or infinite"),
        ([0.5] * 4, 2, "cross_entropy", r"label 2 is outside 0\.\.1"),
        ([0.5] * 4, -1, "mse", r"label -1 is outside 0\.\.1"),
        ([0.5] * 4, [0.5, 0.5], "cross_entropy", "needs the number of a class"),
        ([0.5] * 4, True, "hinge", "needs the number of a class"),
        ([0.5] * 4, [0.5], "rmse", "target has 1 numbers, the network 2 outputs"),
        ([0.5] * 4, [0.5, float("nan")], "mse", "not finite"),
        ([0.5] * 4, 0, "nll", "no loss 'nll'; use one of cross_entropy"),
    ],
)
def test_wrong_samples_get_one_clear_error(
    engine: str, x: Any, target: Any, loss: str, message: str
) -> None:
    net = MLP(4, 2, engine=engine)
    with pytest.raises(UsageError, match=message) as caught:
        net.step(x, target, loss=loss, optimizer=SGD(0.1))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("inputs", "targets"), [([], []), ([[0.5, 0.5]], [0, 1]), ([[0.5, 0.5]], [])]
)
def test_empty_and_uneven_batches_are_refused(inputs: Any, targets: Any) -> None:
    with pytest.raises(UsageError, match="give at least one sample, and a target for each"):
        MLP(2, 2).step_batch(inputs, targets, loss="mse", optimizer=SGD(0.1))


def test_a_refused_batch_leaves_no_gradient_behind() -> None:
    net, untouched = MLP(2, 2, engine="lists"), MLP(2, 2, engine="lists")
    with pytest.raises(UsageError):
        net.step_batch([[1.0, 1.0], [1.0]], [0, 1], loss="mse", optimizer=SGD(0.1))
    for each in (net, untouched):
        each.step([0.5, 0.5], 1, loss="mse", optimizer=SGD(0.1))
    assert net.linears[0].weight == untouched.linears[0].weight


@pytest.mark.parametrize("engine", ENGINES)
def test_training_that_diverges_ends_in_one_clear_error(engine: str) -> None:
    net = MLP(2, 4, 1, engine=engine)
    with pytest.raises(InvalidModelError, match="the learning rate") as caught:
        for _ in range(200):
            net.step([1.0, 1.0], [3.0], loss="mse", optimizer=SGD(50.0))
    assert isinstance(caught.value, PyexportError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", [lambda: MLP(3), lambda: MLP(3, 2, 1, activation="gelu")])
def test_impossible_mlps_are_refused(wrong: Any) -> None:
    with pytest.raises(UsageError):
        wrong()


def test_hashes_here_are_of_all_the_weights() -> None:
    assert run_training(sys.executable, "packed", 1) != run_training(sys.executable, "packed", 2)
    assert len(hashlib.sha256().hexdigest()) == len(run_training(sys.executable, "lists", 1))


@pytest.mark.parametrize("engine", ENGINES)
def test_one_output_learns_two_classes_by_hinge(engine: str) -> None:
    net, optimizer = MLP(2, 8, 1, seed=1, engine=engine), SGD(0.05)
    data = [(x, label % 2) for x, label in blobs(90, seed=2)]
    for _ in range(8):
        for x, label in data:
            net.step(x, label, loss="hinge", optimizer=optimizer)
    assert sum(net.classify(x) == label for x, label in data) >= 85
    assert {net.classify(x) for x, _ in data} == {0, 1}


def exploded(engine: str = "lists") -> Sequential:
    """Return a network whose weights outgrow floats on the input [1, 1]."""
    net = MLP(2, 2, 2, engine=engine)
    net.linears[0].load([[1e308, 1e308], [1e308, 1e308]], [0.0, 0.0])
    net.linears[1].load([[1e308, 1e308], [-1e308, -1e308]], [0.0, 0.0])
    return net


@pytest.mark.parametrize("engine", ["value", "lists"])
@pytest.mark.parametrize("x", [[1.0, 1.0], [0.5, 0.25]])
def test_outputs_beyond_floats_tell_no_class(engine: str, x: list[float]) -> None:
    with pytest.raises(InvalidModelError, match="NaN or infinite"):
        exploded(engine).classify(x)


@pytest.mark.parametrize("optimizer", [Adam(), SGD(0.1, momentum=0.9)])
def test_a_refused_optimizer_leaves_no_gradient_behind(optimizer: Any) -> None:
    net, untouched = MLP(2, 3, 2), MLP(2, 3, 2)
    with pytest.raises(UsageError, match="lists engine"):
        net.step([1.0, 1.0], 0, loss="mse", optimizer=optimizer)
    assert optimizer.steps == 0
    for each in (net, untouched):
        each.step([0.5, 0.5], 1, loss="mse", optimizer=SGD(0.1))
    assert net.linears[0].weight == untouched.linears[0].weight


def test_a_step_that_one_layer_refuses_changes_none() -> None:
    net = MLP(2, 2, 2)
    net.linears[0].load([[0.001, 0.0], [0.0, 0.001]], [0.0, 0.0])
    net.linears[1].load([[0.001, 0.0], [0.0, 0.001]], [0.0, 0.0])
    before = [(layer.weight, layer.bias) for layer in net.linears]
    optimizer = SGD(100.0)
    with pytest.raises(InvalidModelError, match="one step would move a weight"):
        net.step([1.0, 1.0], 0, loss="cross_entropy", optimizer=optimizer)
    assert [(layer.weight, layer.bias) for layer in net.linears] == before
    assert optimizer.steps == 0
    assert net.parameters[0].gradient() == ([[0.0, 0.0], [0.0, 0.0]], [0.0, 0.0])
