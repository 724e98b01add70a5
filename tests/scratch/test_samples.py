"""What may stand for one sample: bytes and arrays as inputs, classes and numbers as targets."""

from __future__ import annotations

from array import array
from functools import partial
from typing import Any

import pytest

from pyexport.errors import UsageError
from pyexport.scratch import MLP, SGD
from pyexport.scratch.nn import ENGINES


@pytest.mark.parametrize(("engine", "bits"), [("lists", 8), ("packed", 8), ("packed", 12)])
def test_bytes_are_256ths(engine: str, bits: int) -> None:
    net = MLP(4, 3, 2, engine=engine, input_bits=bits)
    assert net(bytes([0, 64, 128, 255])) == net([0.0, 0.25, 0.5, 255 / 256])


def every_second(pixels: bytes) -> memoryview:
    return memoryview(bytes(k for pixel in pixels for k in (pixel, 7)))[::2]


def as_numpy(pixels: bytes) -> Any:
    return pytest.importorskip("numpy").array(list(pixels), dtype="uint8")


BYTES = [bytearray, memoryview, partial(array, "B"), every_second, as_numpy]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", BYTES)
def test_all_kinds_of_bytes_are_256ths(engine: str, kind: Any) -> None:
    net = MLP(4, 3, 2, engine=engine)
    pixels = bytes([0, 64, 128, 255])
    assert net(kind(pixels)) == net(pixels)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("code", "bhilqfd")
def test_other_arrays_are_the_numbers_they_hold(engine: str, code: str) -> None:
    numpy = pytest.importorskip("numpy")
    net, numbers = MLP(4, 3, 2, engine=engine), [1, 0, -1, 1]
    for x in (array(code, numbers), memoryview(array(code, numbers)), numpy.array(numbers, code)):
        assert net(x) == net(numbers)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["uint8", "float64"])
def test_an_input_of_two_dimensions_is_refused(engine: str, kind: str) -> None:
    image = pytest.importorskip("numpy").zeros((2, 2), kind)
    with pytest.raises(UsageError, match="an input has 2 dimensions; flatten it to one first"):
        MLP(4, 2, engine=engine)(image)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("x", [None, 3, ["a"] * 4, "abcd"])
def test_inputs_that_are_no_numbers_are_refused(engine: str, x: Any) -> None:
    with pytest.raises(UsageError, match="neither bytes nor a list of numbers"):
        MLP(4, 2, engine=engine)(x)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("loss", ["mse", "rmse"])
@pytest.mark.parametrize("target", [None, 0.5, "01", [None, 1.0], [10**400, 0]])
def test_targets_that_are_no_numbers_get_one_clear_error(
    engine: str, loss: str, target: Any
) -> None:
    with pytest.raises(UsageError, match="neither the number of a class nor a list of numbers"):
        MLP(4, 2, engine=engine).step([0.5] * 4, target, loss=loss, optimizer=SGD(0.1))


@pytest.mark.parametrize("target", [None, 0.5, "1", [1.0, 1.0], True, 2, -2, [0.0]])
def test_hinge_on_one_output_refuses_what_is_no_side(target: Any) -> None:
    with pytest.raises(UsageError, match="target"):
        MLP(4, 1).step([0.5] * 4, target, loss="hinge", optimizer=SGD(0.1))


@pytest.mark.parametrize("engine", ENGINES)
def test_class_0_is_the_side_below_zero(engine: str) -> None:
    net = MLP(2, 1, engine=engine)
    results = [net.value_and_gradient([1.0, 0.5], loss="hinge", target=t) for t in (0, -1, [-1.0])]
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("loss", ["cross_entropy", "mse", "rmse"])
@pytest.mark.parametrize("target", [0, 1])
def test_one_output_learns_classes_by_no_other_loss(engine: str, loss: str, target: int) -> None:
    with pytest.raises(UsageError, match=r"learns no class by this loss; .*train it with hinge"):
        MLP(2, 1, engine=engine).step([1.0, 0.5], target, loss=loss, optimizer=SGD(0.1))
    if loss != "cross_entropy":  # but numbers
        MLP(2, 1, engine=engine).step([1.0, 0.5], [target], loss=loss, optimizer=SGD(0.1))
