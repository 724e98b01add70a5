"""Calibration files of every kind give the same rows, and wrong ones end in one line."""

import gzip
import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyexport.errors import CalibrationError, PyexportError
from pyexport.frontends import read_samples
from pyexport.frontends.samples import check_range, read_npy

ROWS = np.array([[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 255]], dtype=np.uint8)


def npz(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def npy(array: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def idx(array: np.ndarray, code: int = 8) -> bytes:
    sizes = b"".join(struct.pack(">I", n) for n in array.shape)
    return bytes([0, 0, code, array.ndim]) + sizes + array.tobytes()


CSV = b"0,1,2,3\n4,5,6,7\n8,9,10,255\n"
FORMATS = {
    "npz": npz(inputs=ROWS),
    "npz, only array": npz(pixels=ROWS.reshape(3, 2, 2)),
    "npz, among others": npz(other=ROWS[:1], x=ROWS),
    "npy": npy(ROWS),
    "npy, Fortran order": npy(np.asfortranarray(ROWS.astype(np.float32))),
    "csv": CSV,
    "csv, blank lines and CRLF": b"\xef\xbb\xbf" + CSV.replace(b"\n", b"\r\n") + b"\r\n",
    "csv, semicolons": CSV.replace(b",", b";"),
    "csv, header": b"a,b,c,d\n" + CSV,
    "idx": idx(ROWS.reshape(3, 2, 2)),
    "idx, gzip": gzip.compress(idx(ROWS), mtime=0),
    "idx, int16": idx(ROWS.astype(">i2"), 11),
}


@pytest.fixture
def write(tmp_path):
    def write(data: bytes):
        path = tmp_path / "samples.bin"
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("shape", [(4,), (2, 2)])
def test_every_format_gives_the_same_rows(write, kind, shape):
    dataset = read_samples(write(FORMATS[kind]), shape)
    assert dataset.inputs.dtype == np.float64
    np.testing.assert_array_equal(dataset.inputs, ROWS.reshape(3, *shape))
    assert dataset.targets is None


@pytest.mark.parametrize(
    "data",
    [
        npz(inputs=ROWS, targets=[2, 0, 1]),
        npz(x=ROWS, y=np.array([[2.0], [0.0], [1.0]])),
        npz(pixels=ROWS, labels=np.array([2, 0, 1], np.uint8)),
        b"Label,a,b,c,d\n2,0,1,2,3\n0,4,5,6,7\n1,8,9,10,255\n",
        b"a,b,c,d,class\n0,1,2,3,2\n4,5,6,7,0\n8,9,10,255,1\n",
    ],
)
def test_targets_are_read_where_they_are_named(write, data):
    dataset = read_samples(write(data), (4,), "evaluation")
    np.testing.assert_array_equal(dataset.inputs, ROWS)
    np.testing.assert_array_equal(dataset.targets, [2, 0, 1])


def test_one_sample_may_lack_the_row_dimension(write):
    assert read_samples(write(npy(ROWS[0])), (4,)).inputs.shape == (1, 4)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (npy(ROWS[:, :3]), "have shape (3, 3); the model takes (n, 4)"),
        (npy(np.zeros((0, 4))), "no rows"),
        (npy(np.float64(3.0)), "have shape ()"),
        (npy(np.array([[1, np.nan, 2, np.inf]])), "2 NaN or infinite values"),
        (npy(np.array([["a", "b", "c", "d"]])), "not numbers (dtype <U1)"),
        (npy(np.array([[1, 2, 3, 1j]])), "not numbers (dtype complex128)"),
        (npy(np.array([[{}, {}, {}, {}]]), allow_pickle=True), "not numbers (dtype object)"),
        (npy(np.zeros(3, [("a", "f4")])), "not numbers"),
        (npy(ROWS)[:-1], "truncated .npy"),
        (npy(ROWS)[:20], "damaged .npy"),
        (b"\x93NUMPY\x09\x00" + bytes(30), "unknown .npy version"),
        (npz(a=ROWS, b=ROWS), "hold a, b; name the array `inputs`"),
        (npz(), "a zip archive without a model in it, not data; name a .npz"),
        (npz(inputs=ROWS)[:-30], "truncated or damaged zip"),
        (npz(inputs=ROWS, targets=[1, 2]), "3 rows and targets of shape (2,)"),
        (npz(inputs=ROWS, targets=[0, 1, -1]), "class numbers"),
        (npz(inputs=ROWS, targets=[0, 1, np.nan]), "class numbers"),
        (npz(inputs=np.zeros((9, 1 << 20), np.uint8)), "zip bomb"),
        (gzip.compress(idx(ROWS), mtime=0)[:-9], "truncated or unpack"),
        (b"\x1f\x8bnonsense", "damaged gzip"),
        (idx(ROWS)[:-1], "size is not that of shape (3, 4)"),
        (idx(ROWS)[:6], "truncated IDX"),
        (b"1,2,3\n", "row 1 has 3 columns, the model takes 4"),
        (b"1,2,3,4,5\n", "add a header row that calls it `label`"),
        (b"a,b,c,d,e\n1,2,3,4,5\n", "call it `label`"),
        (b"1,2,3,4\n1,2,x,4\n", "row 2, column 3 is 'x', not a number"),
        (b"1,2,3,4\n1,2,nan,4\n", "1 NaN or infinite value"),
        (b"a,b,c,d,label\n1,2,3,4,5e118\n", "class 5e+118 is no class number"),
        (b"1,2,3,4\n1,2\n", "row 2 has 2 columns"),
        (b"a,b,c,d\n", "no rows"),
        (b"\n\n", "no rows"),
        (b"a,b,c,d,label\n1,2,3,4,0.5\n", "class numbers"),
        (b"a,b,c,d,e,f,label\n1,2,3,4,0\n", "the header names 7 columns, the rows have 5"),
        (b"\0\0\x08\xff" + b"\x7f" * 1020, "size is not that of shape"),
        (b"\xff\xfe\x00\x01", "not .npz, .npy, .csv or IDX"),
        (b"1,2,3,4\n\0,2,3,4\n", "row 2"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(write, data, message):
    path = write(data)
    with pytest.raises(CalibrationError) as caught:
        read_samples(path, (4,))
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("name", ["missing.npz", ".", "bad\0name"])
def test_a_path_that_is_no_file_is_refused_in_one_line(tmp_path, name):
    with pytest.raises(CalibrationError) as caught:
        read_samples(tmp_path / name, (4,))
    assert str(caught.value).isprintable()


def test_a_huge_shape_in_a_small_file_allocates_nothing(write):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776, 4), }"
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    with pytest.raises(CalibrationError, match="truncated"):
        read_samples(write(data), (4,))


def test_range_is_checked_with_figures():
    from pyexport.ir import Dataset

    dataset = Dataset(np.array([[0.0, 16.5]]))
    check_range(dataset, None, "f")
    check_range(dataset, (0.0, 16.5), "f")
    with pytest.raises(CalibrationError, match=r"from 0 to 16\.5, outside the declared"):
        check_range(dataset, (0.0, 16.0), "f")


@settings(max_examples=300)
@given(st.sampled_from(sorted(FORMATS)), st.data())
def test_mutated_bytes_never_raise_another_error(tmp_path_factory, kind, data):
    content = bytearray(FORMATS[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "mutated.bin"
    path.write_bytes(content)
    try:
        assert read_samples(path, (4,)).inputs.shape[1:] == (4,)
    except PyexportError as error:
        assert str(error).isprintable()


def test_npy_of_a_zero_sized_dtype_is_refused():
    with pytest.raises(CalibrationError):
        read_npy(npy(np.zeros((3, 4), "S0")), "f")


def test_data_may_unpack_to_more_than_a_model(write, monkeypatch):
    monkeypatch.setattr("pyexport.frontends.archive.MAX_TOTAL_BYTES", 10)
    assert len(read_samples(write(npz(inputs=ROWS)), (4,)).inputs) == 3
    monkeypatch.setattr("pyexport.frontends.samples.MAX_DATA_BYTES", 600)
    with pytest.raises(CalibrationError, match="unpacks to over"):
        read_samples(write(npz(inputs=np.zeros((99, 4)))), (4,))


def test_npy_of_a_shape_of_truth_values_is_refused(write):
    data = npy(np.zeros((1, 3), np.uint8)).replace(b"(1, 3)", b"(True,3)").replace(b"  \n", b"\n")
    with pytest.raises(CalibrationError, match="damaged"):
        read_samples(write(data), (3,))


def test_signaling_nan_is_refused_without_a_warning(write):
    rows = np.array([[0x7F800001, 0, 0]], "<u4").view("<f4")
    with pytest.raises(CalibrationError, match="1 NaN"):
        read_samples(write(npy(rows)), (3,))
