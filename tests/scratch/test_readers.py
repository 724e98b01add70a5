"""IDX, CSV and digits files are read exactly, and every damaged one is refused in one line."""

import gzip
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyexport.errors import FileFormatError, PyexportError
from pyexport.scratch.readers import read_csv, read_digits, read_idx


def idx(sizes: tuple[int, ...], body: bytes, code: int = 8) -> bytes:
    return bytes((0, 0, code, len(sizes))) + struct.pack(f">{len(sizes)}I", *sizes) + body


IMAGES = idx((5, 2, 3), bytes(range(30)))
PACKED = gzip.compress(IMAGES, mtime=0)


def written(folder: Path, data: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_images_are_rows_of_bytes(tmp_path, pack):
    shape, rows = read_idx(written(tmp_path, pack(IMAGES)))
    assert shape == (2, 3)
    assert rows == [bytes(range(start, start + 6)) for start in range(0, 30, 6)]


def test_labels_are_items_of_one_byte(tmp_path):
    shape, rows = read_idx(written(tmp_path, idx((3,), b"\7\0\2")))
    assert shape == ()
    assert [row[0] for row in rows] == [7, 0, 2]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(("limit", "count"), [(0, 0), (2, 2), (5, 5), (9, 5)])
def test_a_limit_reads_the_first_items(tmp_path, pack, limit, count):
    _, rows = read_idx(written(tmp_path, pack(IMAGES)), limit)
    assert rows == read_idx(written(tmp_path, pack(IMAGES)))[1][:count]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an IDX file"),
        (b"PK\3\4aaaa", "not an IDX file"),
        (idx((2,), b"ab", code=13), "not an IDX file of unsigned bytes"),
        (idx((1, 1, 1, 1, 1), b"a"), "not an IDX file"),
        (b"\0\0\x08\x03\0\0", "inside its IDX header"),
        (IMAGES[:-1], "shorter than its 5 items of 6"),
        (IMAGES + b"x", "longer than its 5 items of 6"),
        (idx((2**32 - 1, 2**16, 2**16), b""), "claims"),
        (idx((3, 0), b""), "claims"),
        (PACKED[:-9], "truncated"),
        (PACKED[:-8] + bytes(8), "damaged gzip"),
        (gzip.compress(idx((3, 1 << 20), bytes(100)), mtime=0), "shorter"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_damaged_idx_file_is_refused_in_one_line(tmp_path, data, message):
    path = written(tmp_path, data)
    with pytest.raises(FileFormatError, match=message) as caught:
        read_idx(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).isprintable()


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(FileFormatError, match="cannot be read"):
        read_idx(tmp_path / "none")


@settings(max_examples=200)
@given(st.data())
def test_changed_bytes_raise_nothing_else(tmp_path_factory, data):
    content = bytearray(data.draw(st.sampled_from((IMAGES, PACKED))))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = written(tmp_path_factory.mktemp("idx"), bytes(content))
    try:
        read_idx(path)
    except PyexportError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("x,y0,label\n1,2.5,0\n-3,4e1,2\n", None),
        ("label;x;y0\n0;1;2.5\n2;-3;4e1\n", None),
        ("1\t2.5\t0\n-3\t4e1\t2\n", -1),
        ("0,1,2.5\n2,-3,4e1\n", 0),
        ("a,kind,b\r\n1,0,2.5\r\n-3,2,4e1\r\n", "Kind"),
        ("\ufeffx,z,class\n1,2.5,0\n\n-3,4e1,2", None),
    ],
)
def test_csv_with_and_without_a_header(tmp_path, text, label):
    samples = read_csv(written(tmp_path, text.encode()), label)
    assert samples.inputs == [[1.0, 2.5], [-3.0, 40.0]]
    assert samples.targets == [0, 2]


@pytest.mark.parametrize(
    ("text", "label", "message"),
    [
        ("", -1, "no rows"),
        ("a,label\n", None, "no rows"),
        ("1,2\n", None, "no column is called target or label"),
        ("a,b\n1,2\n", "c", "no column is called c"),
        ("1,2\n", 2, "no column 2 in 2 columns"),
        ("1,2\n1,2,3\n", -1, "row 2 has 3 columns"),
        ("1,2\nx,3\n", -1, "row 2, column 1 is 'x'"),
        ("1,2\nnan,3\n", -1, "not a finite number"),
        ("1,2\n1,inf\n", -1, "not a finite number"),
        ("1,2.5\n", -1, "has class 2.5"),
        ("1,-1\n", -1, "has class -1"),
    ],
)
def test_a_csv_without_sense_is_refused_in_one_line(tmp_path, text, label, message):
    with pytest.raises(FileFormatError, match=message) as caught:
        read_csv(written(tmp_path, text.encode()), label)
    assert str(caught.value).isprintable()


def test_binary_data_are_no_csv(tmp_path):
    with pytest.raises(FileFormatError, match="not a CSV file"):
        read_csv(written(tmp_path, b"\xff\xfe\x00\x01"), -1)


def test_digits_are_rows_of_bytes(tmp_path):
    row = ",".join(str(i % 17) for i in range(64))
    samples = read_digits(written(tmp_path, gzip.compress(f"{row},7\n{row},0\n".encode())))
    assert samples.inputs == [bytes(i % 17 for i in range(64))] * 2
    assert samples.targets == [7, 0]


def test_the_file_of_scikit_learn_gives_its_digits():
    import sklearn
    from sklearn.datasets import load_digits

    samples = read_digits(Path(sklearn.__file__).parent / "datasets" / "data" / "digits.csv.gz")
    bunch = load_digits()
    assert [list(row) for row in samples.inputs] == bunch.data.tolist()
    assert samples.targets == bunch.target.tolist()


@pytest.mark.parametrize("row", ["1,2,3", ",".join(["17"] * 65), ",".join(["0.5"] * 64) + ",1"])
def test_other_rows_are_no_digits(tmp_path, row):
    with pytest.raises(FileFormatError, match="row 1 "):
        read_digits(written(tmp_path, f"{row}\n".encode()))
