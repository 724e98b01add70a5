"""MNIST is looked for in $PYEXPORT_DATA, then in the cache, and fetched only when asked for."""

import gzip
import hashlib
import os
import struct
from pathlib import Path

import pytest

from pyexport.errors import FileFormatError, OutputError
from pyexport.scratch import mnist


def small_set(folder: Path, label: int = 3) -> dict[str, str]:
    """Write four small files like MNIST's; return their md5 by name."""
    folder.mkdir(parents=True)
    sums = {}
    for name in mnist.MD5:
        count = 4 if name.startswith("train") else 2
        if "images" in name:
            data = struct.pack(">4B3I", 0, 0, 8, 3, count, 28, 28) + bytes(range(196)) * 4 * count
        else:
            data = struct.pack(">4BI", 0, 0, 8, 1, count) + bytes((label,)) * count
        packed = gzip.compress(data, mtime=0)
        (folder / name).write_bytes(packed)
        sums[name] = hashlib.md5(packed).hexdigest()
    return sums


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("PYEXPORT_DATA", raising=False)
    return tmp_path


def test_the_environment_comes_before_the_cache(home, monkeypatch):
    small_set(home / "cache" / "pyexport" / "mnist")
    assert mnist.find_mnist() == home / "cache" / "pyexport" / "mnist"
    small_set(home / "data" / "mnist")
    monkeypatch.setenv("PYEXPORT_DATA", str(home / "data"))
    assert mnist.find_mnist() == home / "data" / "mnist"


def test_an_incomplete_folder_is_passed_over(home, monkeypatch):
    small_set(home / "cache" / "pyexport" / "mnist")
    small_set(home / "data" / "mnist")
    (home / "data" / "mnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    monkeypatch.setenv("PYEXPORT_DATA", str(home / "data"))
    assert mnist.find_mnist() == home / "cache" / "pyexport" / "mnist"


def test_without_a_copy_the_way_out_is_named(home):
    with pytest.raises(FileFormatError, match="--download fetches it") as caught:
        mnist.load_mnist()
    assert str(home) in str(caught.value)
    assert "PYEXPORT_DATA" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_images_and_labels_are_read(home):
    small_set(home / "m")
    data = mnist.load_mnist(home / "m")
    assert len(data.train) == 4
    assert data.train.inputs[3] == bytes(range(196)) * 4
    assert data.test.targets == [3, 3]
    part = mnist.load_mnist(home / "m", train=1, test=0)
    assert (len(part.train), len(part.test)) == (1, 0)


def test_a_label_out_of_range_is_refused(home):
    small_set(home / "m", label=10)
    with pytest.raises(FileFormatError, match="a label is 10"):
        mnist.load_mnist(home / "m")


def test_images_and_labels_must_belong_together(home):
    small_set(home / "m")
    (home / "m" / "t10k-labels-idx1-ubyte.gz").write_bytes(
        (home / "m" / "train-labels-idx1-ubyte.gz").read_bytes()
    )
    with pytest.raises(FileFormatError, match="not the images of"):
        mnist.load_mnist(home / "m")


def test_a_download_goes_into_the_cache(home, monkeypatch):
    monkeypatch.setattr(mnist, "MD5", small_set(home / "source"))
    folder = mnist.download_mnist((home / "source").as_uri())
    assert folder == home / "cache" / "pyexport" / "mnist"
    assert mnist.find_mnist() == folder
    assert len(mnist.load_mnist().train) == 4
    assert {path.suffix for path in folder.iterdir()} == {".gz"}


def test_a_download_fetches_only_what_is_missing(home, monkeypatch):
    monkeypatch.setattr(mnist, "MD5", small_set(home / "source"))
    mnist.download_mnist((home / "source").as_uri())
    assert mnist.download_mnist("file:///no/such/folder")


def test_a_file_with_another_md5_is_not_kept(home):
    small_set(home / "source")
    with pytest.raises(FileFormatError, match="its md5 is"):
        mnist.download_mnist((home / "source").as_uri())
    assert not list(mnist.cache_folder().iterdir())


def test_a_source_that_does_not_answer_is_named(home):
    with pytest.raises(FileFormatError, match="cannot be fetched"):
        mnist.download_mnist((home / "none").as_uri())


def test_a_cache_that_cannot_be_made_is_named(home):
    (home / "cache").write_text("a file")
    with pytest.raises(OutputError, match="cannot be stored"):
        mnist.download_mnist((home / "source").as_uri())


def test_the_official_files_are_as_published(monkeypatch, tmp_path):
    if "PYEXPORT_DATA" not in os.environ:  # then the loader must say what is missing
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        with pytest.raises(FileFormatError, match="PYEXPORT_DATA"):
            mnist.find_mnist()
        return
    folder = Path(os.environ["PYEXPORT_DATA"]) / "mnist"
    for name, md5 in mnist.MD5.items():
        assert hashlib.md5((folder / name).read_bytes()).hexdigest() == md5
    data = mnist.load_mnist(folder)
    assert (len(data.train), len(data.test)) == (60_000, 10_000)
    assert data.train.targets[:8] == [5, 0, 4, 1, 9, 2, 1, 3]
    assert sum(data.test.inputs[0]) == 18_454
