"""Every way in which ONNX stores a tensor gives its numbers; files elsewhere are never opened."""

import os
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pyexport.errors import FileFormatError, PyexportError, UnsupportedModelError
from pyexport.frontends.onnx.tensors import Store, make_store, parse_tensor
from pyexport.frontends.onnx.wire import Budget, Message

DTYPES = ["u1", "i1", "<u2", "<i2", "<i4", "<i8", "<u4", "<u8", "?", "<f2", "<f4", "<f8"]
SECRET = np.arange(6, dtype="<f4").reshape(2, 3)


def array_of(tensor: onnx.TensorProto, store: Store | None = None) -> np.ndarray:
    data = tensor.SerializeToString()
    message = Message(memoryview(data), "m.onnx: initializer 0", Budget())
    return (store or make_store("m.onnx", None, len(data))).array(parse_tensor(message))


def external(location: str, **entries: int) -> onnx.TensorProto:
    tensor = TensorProto(
        name="w", dims=[2, 3], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL
    )
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def folder_with_data(folder: Path) -> Store:
    (folder / "m.onnx.data").write_bytes(b"\0" * 8 + SECRET.tobytes())
    return make_store("m.onnx", folder, 1000)


@pytest.mark.parametrize("code", DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 4)])
@pytest.mark.parametrize("raw", [True, False], ids=["raw", "typed"])
def test_numbers_are_those_that_onnx_reads(code: str, shape: tuple[int, ...], raw: bool) -> None:
    values = np.random.default_rng(1).integers(0, 100, shape).astype(code)
    if raw:
        tensor = numpy_helper.from_array(values, "w")
    else:
        dtype = helper.np_dtype_to_tensor_dtype(values.dtype)
        tensor = helper.make_tensor("w", dtype, shape, values.ravel().tolist())
    read = array_of(tensor)
    assert read.shape == shape and np.array_equal(read, numpy_helper.to_array(tensor))
    assert read.dtype == (np.float32 if code == "<f2" else values.dtype)


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "typed"])
def test_bfloat16_is_widened_exactly(raw: bool) -> None:
    values = np.array([1.0, -2.5, 3e38, 1e-30], ml_dtypes.bfloat16)
    tensor = numpy_helper.from_array(values, "w")
    if not raw:
        tensor = TensorProto(name="w", dims=[4], data_type=TensorProto.BFLOAT16)
        tensor.int32_data.extend(values.view(np.uint16).tolist())
    assert np.array_equal(array_of(tensor), values.astype(np.float32))


def test_negative_integers_survive_the_typed_list() -> None:
    tensor = helper.make_tensor("w", TensorProto.INT8, [3], [-128, -1, 127])
    assert array_of(tensor).tolist() == [-128, -1, 127]


@pytest.mark.parametrize(
    ("tensor", "problem"),
    [
        (TensorProto(name="w", dims=[3], data_type=1, raw_data=b"1234"), "its shape takes 12"),
        (TensorProto(name="w", dims=[3], data_type=1, float_data=[1]), "has 1 elements"),
        (TensorProto(name="w", dims=[3], data_type=7, float_data=[1, 2, 3]), "has 0 elements"),
        (TensorProto(name="w", dims=[1], data_type=2, int32_data=[300]), "uint8 cannot"),
        (TensorProto(name="w", dims=[1 << 40], data_type=1), "over the limit"),
        (TensorProto(name="w", dims=[-1], data_type=1), "over the limit"),
        (TensorProto(name="w", dims=[1] * 9, data_type=1), "over the limit"),
        (TensorProto(name="w", dims=[1], data_type=8, string_data=[b"a"]), "is a text"),
        (TensorProto(name="w", dims=[1], data_type=14), "is complex64"),
        (TensorProto(name="w", dims=[1], data_type=99), "is of type 99"),
        (TensorProto(name="w", dims=[1], segment=TensorProto.Segment(begin=0)), "in segments"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_tensor_that_is_not_what_it_says_is_refused(
    tensor: onnx.TensorProto, problem: str
) -> None:
    with pytest.raises(PyexportError, match=problem) as error:
        array_of(tensor)
    assert "\n" not in str(error.value)


def test_a_large_claim_in_a_small_file_is_refused_before_memory_is_taken() -> None:
    tensor = TensorProto(name="w", dims=[1 << 24], data_type=1)
    with pytest.raises(FileFormatError, match="claim over 2 times the bytes"):
        array_of(tensor)


def test_external_data_are_read_from_the_folder_of_the_model(tmp_path: Path) -> None:
    store = folder_with_data(tmp_path)
    assert np.array_equal(array_of(external("m.onnx.data", offset=8, length=24), store), SECRET)
    assert np.array_equal(array_of(external("m.onnx.data", offset=8), store), SECRET)
    assert list(store.files) == ["m.onnx.data"]


@pytest.mark.parametrize("below", [True, False])
def test_external_data_in_a_folder_below_are_read_and_above_are_not(
    tmp_path: Path, below: bool
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    store = folder_with_data(folder)
    if below:
        (folder / "sub").mkdir()
        (folder / "m.onnx.data").rename(folder / "sub" / "data")
        read = array_of(external("sub/data", offset=8), store)
        assert np.array_equal(read, SECRET)
    else:
        (folder / "m.onnx.data").rename(tmp_path / "data")
        with pytest.raises(FileFormatError, match="nothing was read"):
            array_of(external("../data", offset=8), store)


@pytest.mark.parametrize(
    "location", ["/etc/passwd", "../m.onnx.data", "a/../../b", "C:\\data", "c:data", "..", ""]
)
def test_external_data_elsewhere_are_refused(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    folder_with_data(tmp_path)
    with pytest.raises(FileFormatError, match="outside the model's folder; nothing was read"):
        array_of(external(location), make_store("m.onnx", folder, 1000))


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    folder_with_data(tmp_path)
    (folder / "data").symlink_to(tmp_path / "m.onnx.data")
    with pytest.raises(FileFormatError, match="a link out of the model's folder"):
        array_of(external("data", offset=8), make_store("m.onnx", folder, 1000))
    (folder / "round").symlink_to(folder / "round")
    with pytest.raises(FileFormatError, match=r"a link out of|cannot be read"):
        array_of(external("round", offset=8), make_store("m.onnx", folder, 1000))


def test_a_pipe_as_external_data_is_refused_unopened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "data")
    with pytest.raises(FileFormatError, match="not a regular file"):
        array_of(external("data"), make_store("m.onnx", tmp_path, 1000))


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ({"offset": 16}, "has 16 bytes"),
        ({"offset": 16, "length": 24}, "reaches outside"),
        ({"offset": -4}, "is no number"),
        ({"offset": 8, "length": 10**15}, "is no number"),
    ],
)
def test_a_wrong_place_in_external_data_is_refused(
    tmp_path: Path, entries: dict[str, int], problem: str
) -> None:
    with pytest.raises(FileFormatError, match=problem):
        array_of(external("m.onnx.data", **entries), folder_with_data(tmp_path))


def test_a_model_in_memory_has_no_folder() -> None:
    with pytest.raises(FileFormatError, match="external_data=False"):
        array_of(external("m.onnx.data"))


def test_missing_external_data_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"gone\.data: the file does not exist"):
        array_of(external("gone.data"), make_store("m.onnx", tmp_path, 1000))


def test_sparse_and_quantized_types_are_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="int4; save float32 weights"):
        array_of(TensorProto(name="w", dims=[2], data_type=TensorProto.INT4, raw_data=b"\x12"))
