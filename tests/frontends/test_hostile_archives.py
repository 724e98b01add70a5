"""Hostile and damaged .pt2 files end in a PyexportError of one line; nothing in them runs."""

import io
import json
import struct
import zipfile
from collections.abc import Callable

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyexport.errors import FileFormatError, PyexportError
from pyexport.frontends import archive
from pyexport.frontends.loading import parse_pt2
from pyexport.frontends.sniff import PT2, identify
from tests.frontends.models import export_bytes, rezip, tiny

CLEAN = export_bytes(tiny(), torch.zeros(1, 3))
WEIGHTS = "data/weights/model_weights_config.json"
MODEL = "models/model.json"


def read(data: bytes) -> object:
    """Do what load_model does with the content of a file."""
    if identify(data, "m.pt").kind != PT2:
        raise FileFormatError("m.pt: refused by its kind")
    return parse_pt2(data, "m.pt", "m.pt")


def refusal(data: bytes) -> str:
    """Return the one line that reading ends in."""
    with pytest.raises(PyexportError) as caught:
        read(data)
    message = str(caught.value)
    assert message.startswith("m.pt: ")
    assert message.isprintable()
    assert len(message) < 600
    return message


def edited(member: str, edit: Callable[[dict], object]) -> bytes:
    """Return the clean archive with one JSON member changed in place by `edit`."""
    names = {name.partition("/")[2] for name in zipfile.ZipFile(io.BytesIO(CLEAN)).namelist()}
    assert member in names

    def change(name: str, content: bytes) -> bytes:
        if name != member:
            return content
        document = json.loads(content)
        edit(document)
        return json.dumps(document).encode()

    return rezip(CLEAN, change)


def replaced(member: str, content: bytes) -> bytes:
    return rezip(CLEAN, lambda name, old: content if name == member else old)


def meta(document: dict) -> dict:
    return document["config"]["0.weight"]["tensor_meta"]


def graph(document: dict) -> dict:
    return document["graph_module"]["graph"]


def signature(document: dict) -> dict:
    return document["graph_module"]["signature"]


def test_the_clean_archive_is_read():
    assert read(CLEAN) is not None
    assert read(edited(MODEL, lambda d: None)) is not None


@pytest.mark.parametrize(
    ("member", "edit", "message"),
    [
        (WEIGHTS, lambda d: d["config"]["0.weight"].update(use_pickle=True), "stored as a pickle"),
        (WEIGHTS, lambda d: d["config"]["0.weight"].update(use_pickle=0), "true or false"),
        (WEIGHTS, lambda d: d["config"]["0.weight"].update(path_name="../x"), "outside its folder"),
        (WEIGHTS, lambda d: d["config"]["0.weight"].update(path_name="gone"), "no member"),
        (WEIGHTS, lambda d: d["config"].pop("0.weight"), "0.weight is not in the archive"),
        (WEIGHTS, lambda d: meta(d).update(storage_offset={"as_int": -1}), "a size of 0 or more"),
        (WEIGHTS, lambda d: meta(d).update(storage_offset={"as_int": 1}), "outside its buffer"),
        (WEIGHTS, lambda d: meta(d)["strides"].__setitem__(0, {"as_int": -3}), "a size of 0"),
        (WEIGHTS, lambda d: meta(d)["strides"].__setitem__(0, {"as_int": 4}), "outside its buffer"),
        (WEIGHTS, lambda d: meta(d)["strides"].pop(), "2 sizes and 1 strides"),
        (WEIGHTS, lambda d: meta(d)["sizes"].__setitem__(0, {"as_int": 5}), "outside its buffer"),
        (WEIGHTS, lambda d: meta(d)["sizes"].__setitem__(0, {"as_int": 0}), "not a matrix"),
        (WEIGHTS, lambda d: meta(d)["sizes"].__setitem__(0, {"as_int": 1 << 70}), "an integer"),
        (WEIGHTS, lambda d: meta(d)["sizes"].__setitem__(0, {"as_expr": "s0"}), "lacks 'as_int'"),
        (
            WEIGHTS,
            lambda d: meta(d).update(
                sizes=[{"as_int": 1 << 20}, {"as_int": 1 << 20}],
                strides=[{"as_int": 0}, {"as_int": 0}],
            ),
            "claims 1099511627776 elements",
        ),
        (
            WEIGHTS,
            lambda d: meta(d).update(sizes=[{"as_int": 1}] * 9, strides=[{"as_int": 1}] * 9),
            "9 sizes",
        ),
        (WEIGHTS, lambda d: meta(d).update(dtype=10), "complex64"),
        (WEIGHTS, lambda d: meta(d).update(dtype=99), "of type 99"),
        (WEIGHTS, lambda d: meta(d).update(dtype=5), "outside its buffer"),
        (WEIGHTS, lambda d: meta(d).update(dtype=4), "is int32; save float weights"),
        (WEIGHTS, lambda d: meta(d).update(layout=1), "sparse"),
        (WEIGHTS, lambda d: d.update(config=[]), "an object"),
        (MODEL, lambda d: d["schema_version"].update(major=9), "schema 9"),
        (MODEL, lambda d: d["schema_version"].update(major="8"), "an integer"),
        (MODEL, lambda d: d.pop("graph_module"), "lacks 'graph_module'"),
        (MODEL, lambda d: d.update(graph_module=7), "an object"),
        (MODEL, lambda d: d.update(torch_version="2\n3"), ""),
        (MODEL, lambda d: graph(d).update(nodes={}), "a list"),
        (MODEL, lambda d: graph(d)["nodes"][0].update(target=3), "a text"),
        (MODEL, lambda d: graph(d)["nodes"][0].update(target="os.system"), "os.system"),
        (MODEL, lambda d: graph(d)["nodes"][0].update(target="x\n\x1b[1m"), "\\n\\x1b"),
        (MODEL, lambda d: graph(d)["nodes"][0].update(outputs=[]), "no output"),
        (MODEL, lambda d: graph(d)["nodes"][0]["inputs"].pop(0), "input is no tensor"),
        (MODEL, lambda d: graph(d)["nodes"][0]["inputs"][0].update(arg={}), "one key"),
        (MODEL, lambda d: graph(d)["nodes"].pop(0), "unknown"),
        (
            MODEL,
            lambda d: graph(d)["tensor_values"]["linear"].update(sizes=[{"as_int": 1}]),
            "the file says (1,), its operands give (1, 4)",
        ),
        (MODEL, lambda d: graph(d)["tensor_values"].pop("input"), "not a tensor"),
        (
            MODEL,
            lambda d: graph(d)["tensor_values"]["input"].update(
                sizes=[{"as_int": 1}, {"as_int": 9}]
            ),
            "takes 3 inputs, not 9",
        ),
        (
            MODEL,
            lambda d: graph(d)["tensor_values"]["input"].update(
                sizes=[{"as_int": 1}, {"as_int": 0}]
            ),
            "input is empty",
        ),
        (MODEL, lambda d: signature(d)["input_specs"].append({"custom_obj": {}}), "custom_obj"),
        (MODEL, lambda d: signature(d)["input_specs"].append({"token": {}, "b": {}}), "one key"),
        (MODEL, lambda d: signature(d).update(input_specs=[]), "0 inputs"),
        (MODEL, lambda d: signature(d).update(output_specs=[]), "0 outputs"),
        (
            MODEL,
            lambda d: signature(d)["output_specs"].append(
                {"buffer_mutation": {"arg": {"name": "x"}, "buffer_name": "count"}}
            ),
            "changes its buffer count",
        ),
    ],
)
def test_a_lie_in_the_json_is_refused(member, edit, message):
    data = edited(member, edit)
    if not message:
        assert "2\\n3" in read(data).metadata.producer
        return
    assert message in refusal(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (replaced(MODEL, b'{"a": 1, "a": 2}'), "twice"),
        (replaced(MODEL, b"[" * 100_000), "nested too deeply"),
        (replaced(MODEL, b'{"a":' + b"[" * 80 + b"]" * 80 + b"}"), "nested deeper"),
        (replaced(MODEL, b'{"schema_version": NaN}'), "NaN"),
        (replaced(MODEL, b'{"schema_version": 1e999}'), "too large"),
        (replaced(MODEL, b"\xff\xfe"), "not valid JSON"),
        (replaced(MODEL, b"9" * 5000), "not valid JSON"),
        (replaced("byteorder", b"big"), "big-endian"),
        (replaced("archive_format", b"aoti"), "not a torch.export archive"),
        (replaced("data/weights/weight_0", b"1234"), "outside its buffer"),
        (replaced("extra/pyexport.json", b""), ""),
    ],
)
def test_a_damaged_member_is_refused(data, message):
    if not message:
        assert read(data) is not None  # this archive has no such member
        return
    assert message in refusal(data)


def zipped(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as target:
        for name, content in members:
            target.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


def encrypted() -> bytes:
    data = bytearray(zipped([("a/archive_format", b"pt2")]))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (zipped([("m/a", bytes(8 << 20))]), "zip bomb"),
        (zipped([(f"m/{i}", b"") for i in range(2001)]), "over 2000 members"),
        (zipped([("../evil", b"x")]), "leave the archive's folder"),
        (zipped([("a/../../evil", b"x")]), "leave the archive's folder"),
        (zipped([("/etc/evil", b"x")]), "leave the archive's folder"),
        (zipped([("C:\\evil", b"x")]), "leave the archive's folder"),
        (zipped([("..\\evil", b"x")]), "leave the archive's folder"),
        (zipped([("n" * 600, b"x")]), "name over 512 bytes"),
        (encrypted(), "encrypted"),
        (b"prefix" + CLEAN, "not a model file"),
        (CLEAN + b"suffix", "directory is not at its end"),
        (b"PK\x03\x04" + CLEAN, "directory is not at its end"),
        (rezip(CLEAN, lambda n, c: None if n == WEIGHTS else c), "0.weight is not in the archive"),
        (rezip(CLEAN, lambda n, c: None if n == MODEL else c), "without a model"),
    ],
)
def test_a_hostile_zip_is_refused(data, message):
    if message in {"not a model file", "without a model"}:
        assert message in identify(data, "m.pt").what
        return
    assert message in refusal(data)


def test_a_member_that_appears_twice_is_refused():
    with pytest.warns(UserWarning, match="Duplicate"):
        data = zipped([("m/a", b"1"), ("m/a", b"2")])
    assert "appears twice" in refusal(data)


def test_two_models_in_one_archive_are_refused():
    buffer = io.BytesIO(CLEAN)
    with zipfile.ZipFile(buffer, "a") as target:
        target.writestr("archive/models/second.json", b"{}")
    assert "holds 2 models" in refusal(buffer.getvalue())


def test_an_archive_that_unpacks_to_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(archive, "MAX_TOTAL_BYTES", 1000)
    assert "unpacks to over" in refusal(CLEAN)


def test_a_zip64_directory_is_refused():
    data = zipped([("m/a", b"1")])
    end = data.index(b"PK\x05\x06")
    locator = b"PK\x06\x07" + bytes(16)
    grown = struct.pack("<I", struct.unpack_from("<I", data, end + 12)[0] + len(locator))
    forged = data[:end] + locator + data[end : end + 12] + grown + data[end + 16 :]
    assert "damaged zip archive" in refusal(forged)


def test_every_truncation_is_refused():
    for length in range(0, len(CLEAN), 37):
        refusal_or_kind(CLEAN[:length])


def refusal_or_kind(data: bytes) -> None:
    with pytest.raises(PyexportError):
        read(data)


@settings(max_examples=400)
@given(st.data())
def test_mutated_bytes_never_raise_another_error(data):
    content = bytearray(CLEAN)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    accept_or_refuse(bytes(content))


@settings(max_examples=400)
@given(st.sampled_from([MODEL, WEIGHTS]), st.data())
def test_mutated_json_never_raises_another_error(member, data):
    """The zip's checksums stop most mutations of bytes; these reach the reader behind them."""

    def change(name: str, content: bytes) -> bytes:
        if name != member:
            return content
        mutated = bytearray(content)
        for _ in range(data.draw(st.integers(1, 4))):
            position = data.draw(st.integers(0, len(mutated) - 1))
            mutated[position] = data.draw(st.sampled_from(b'0123456789-"[]{},:nlt e.'))
        return bytes(mutated)

    accept_or_refuse(rezip(CLEAN, change))


LEAVES = st.sampled_from(
    [None, True, -1, 0, 1, 2, 3, 7, 1 << 40, 1 << 70, 0.5, "", "x", "input", [], {}, [1], [{}],
     {"as_int": 2}, {"as_tensor": {"name": "input"}}, {"as_none": True}, {"as_float": "NaN"}]
)  # fmt: skip


@settings(max_examples=600)
@given(st.sampled_from([MODEL, WEIGHTS]), st.lists(st.integers(0, 10_000), max_size=9), LEAVES)
@example(MODEL, [], [])
def test_any_value_anywhere_in_the_json_never_raises_another_error(member, path, leaf):
    def edit(document: dict) -> None:
        node: object = document
        for step in path:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                return
            key = keys[step % len(keys)]
            below = node[key]
            if step is path[-1] or not isinstance(below, dict | list) or not below:
                node[key] = leaf
                return
            node = below

    accept_or_refuse(edited(member, edit))


def accept_or_refuse(data: bytes) -> None:
    try:
        read(data)
    except PyexportError as error:
        assert str(error).isprintable()
