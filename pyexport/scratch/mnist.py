"""Finds, downloads and loads MNIST: $PYEXPORT_DATA, then the user's cache, nothing unasked."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from pyexport.errors import FileFormatError, OutputError
from pyexport.scratch.data import Samples
from pyexport.scratch.readers import read_idx
from pyexport.untrusted import printable

MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
SOURCE = "https://ossci-datasets.s3.amazonaws.com/mnist"
SIDE = 28
_AGAIN = "delete both, and --download fetches them again"
TIMEOUT = 60  # seconds without a byte


@dataclass(frozen=True)
class Mnist:
    """The official split: images are 784 bytes 0..255, row by row from the top left."""

    train: Samples
    test: Samples


def cache_folder() -> Path:
    """Return the user's cache folder for MNIST; it may not exist."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "pyexport" / "mnist"


def find_mnist() -> Path:
    """Return the folder that holds the four files; raises FileFormatError with the way out."""
    places = [cache_folder()]
    data = os.environ.get("PYEXPORT_DATA")
    if data:
        places.insert(0, Path(data) / "mnist")
    for place in places:
        if all((place / name).is_file() for name in MD5):
            return place
    looked = " or ".join(printable(place) for place in places)
    raise FileFormatError(
        f"MNIST is not in {looked}; --download fetches it into the cache, or set PYEXPORT_DATA to "
        "a folder with mnist/ in it"
    )


def load_mnist(
    folder: str | Path | None = None, *, train: int | None = None, test: int | None = None
) -> Mnist:
    """Return MNIST; train, test: only the first so many images, which loads faster."""
    place = find_mnist() if folder is None else Path(folder)
    return Mnist(_load(place, "train", train), _load(place, "t10k", test))


def download_mnist(source: str = SOURCE, folder: Path | None = None) -> Path:
    """Fetch the files that are missing and return their folder, by default the user's cache.

    A file is kept only if its md5 is the published one. Raises FileFormatError or OutputError.
    """
    folder = cache_folder() if folder is None else folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, md5 in MD5.items():
            path = folder / name
            if path.is_file() and _md5(path.read_bytes()) == md5:
                continue
            data = _fetch(f"{source}/{name}")
            if _md5(data) != md5:
                raise FileFormatError(
                    f"{source}/{name}: its md5 is {_md5(data)}, not {md5}; nothing was kept of it:"
                    " try again, or set PYEXPORT_DATA to a folder with mnist/ in it"
                )
            unfinished = path.with_suffix(".part")
            unfinished.write_bytes(data)
            unfinished.replace(path)
    except OSError as error:
        reason = printable(error.strerror or error)
        raise OutputError(
            f"{printable(folder)}: MNIST cannot be stored ({reason});"
            " set XDG_CACHE_HOME to a folder that you may write"
        ) from None
    return folder


def _load(folder: Path, part: str, limit: int | None) -> Samples:
    images = folder / f"{part}-images-idx3-ubyte.gz"
    labels = folder / f"{part}-labels-idx1-ubyte.gz"
    shape, rows = read_idx(images, limit)
    label_shape, marks = read_idx(labels, limit)
    if shape != (SIDE, SIDE) or label_shape != () or len(rows) != len(marks):
        raise FileFormatError(
            f"{printable(images)}: not the images of {printable(labels.name)}; {_AGAIN}"
        )
    targets = [mark[0] for mark in marks]
    if max(targets, default=0) > 9:
        raise FileFormatError(
            f"{printable(labels)}: a label is {max(targets)}; digits are 0..9: {_AGAIN}"
        )
    return Samples(rows, targets)


def _fetch(url: str) -> bytes:
    from urllib.error import URLError  # not needed, and slow to import, where nothing is fetched
    from urllib.request import urlopen

    try:
        with urlopen(url, timeout=TIMEOUT) as answer:
            data: bytes = answer.read(64 << 20)
    except (URLError, OSError, ValueError) as error:
        reason = printable(getattr(error, "reason", None) or error)
        raise FileFormatError(
            f"{url}: cannot be fetched ({reason}); try again, or set PYEXPORT_DATA to a folder with"
            " mnist/ in it"
        ) from None
    return data


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
