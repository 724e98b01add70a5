"""MNIST and Fashion-MNIST: images of 28 x 28 bytes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pyexport.errors import FileFormatError
from pyexport.scratch.data import Samples
from pyexport.scratch.mnist import SIDE, Mnist, load_mnist
from scripts.example_models.data import Data, Split

FASHION_FOLDER = "/usr/share/datasets/fashion-mnist"  # of Debian's package
FASHION_VARIABLE = "PYEXPORT_FASHION_MNIST"
GARMENTS = (
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
    "ankle boot",
)  # fmt: skip
_SCALE = 1 / 256


def mnist() -> Data:
    """Return the official split of MNIST; PYEXPORT_DATA says where it lies."""
    digits = tuple(str(digit) for digit in range(10))
    return _data(load_mnist(), digits, "MNIST, Y. LeCun, C. Cortes, C. Burges")


def fashion() -> Data:
    """Return the official split of Fashion-MNIST; raises FileFormatError with the way out."""
    folder = Path(os.environ.get(FASHION_VARIABLE, FASHION_FOLDER))
    if not (folder / "train-images-idx3-ubyte.gz").is_file():
        raise FileFormatError(
            f"Fashion-MNIST is not in {folder}; run apt-get install dataset-fashion-mnist "
            f"(Debian, Ubuntu), or set {FASHION_VARIABLE} to the folder of its four .gz files"
        )
    return _data(load_mnist(folder), GARMENTS, "Fashion-MNIST, Zalando SE, MIT license")


def _data(sets: Mnist, labels: tuple[str, ...], source: str) -> Data:
    return Data(_split(sets.train), _split(sets.test), labels, 0, 255, "gray level", _SCALE, source)


def _split(samples: Samples) -> Split:
    pixels = np.frombuffer(b"".join(map(_bytes, samples.inputs)), dtype=np.uint8)
    images = pixels.reshape(-1, 1, SIDE, SIDE).astype(np.float32)
    return Split(images, np.asarray(samples.targets, dtype=np.int64))


def _bytes(row: Sequence[float]) -> bytes:
    assert isinstance(row, bytes)  # an IDX file's rows are
    return row
