"""What fuzzing starts from: small valid files, and the small ones of the hostile corpus."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Iterator
from functools import cache

from pyexport.artifact import write_artifact
from pyexport.frontends.loading import parse_pt2
from pyexport.pipeline import Export, ExportOptions, export_model
from scripts.fuzzing import zips
from scripts.hostile_files import clean, pickles, protobuf, tensors
from scripts.make_hostile_files import CORPUS, ready_corpus

LONGEST = 8 << 10  # bytes of a seed: larger ones take time and show nothing more
STOCK = "ctorch.nn.modules."


def corpus(*beginnings: str, suffix: str = "") -> list[bytes]:
    """Return the small hostile files whose names begin and end so, and their twins."""
    ready_corpus()
    chosen = [
        path.read_bytes()
        for path in sorted(CORPUS.glob("*/*"))
        if path.parent.name in ("hostile", "twin")
        and path.name.startswith(beginnings)
        and path.suffix == suffix
        and path.stat().st_size <= LONGEST
    ]
    return sorted(set(chosen))


def archives() -> list[bytes]:
    """Return torch.export archives; the first is the smallest that can be read."""
    return [_small_archive(), clean.archive(), *corpus("zip-", "weight-", "graph-", "extra-")]


def _small_archive() -> bytes:
    """Return the archive of one linear layer, in a tenth of the bytes."""
    members = clean.members()
    model, config = json.loads(members[clean.MODEL]), json.loads(members[clean.WEIGHTS])
    graph, signature = (model["graph_module"][key] for key in ("graph", "signature"))
    graph["nodes"] = graph["nodes"][:1]
    graph["inputs"] = [graph["inputs"][0], graph["inputs"][1], graph["inputs"][4]]
    graph["outputs"][0]["as_tensor"]["name"] = "linear"
    kept = ("p_0_weight", "p_0_bias", "input", "linear")
    graph["tensor_values"] = {name: graph["tensor_values"][name] for name in kept}
    specs = signature["input_specs"]
    signature["input_specs"] = [*specs[:2], specs[4]]
    signature["output_specs"][0]["user_output"]["arg"]["as_tensor"]["name"] = "linear"
    config["config"] = {k: v for k, v in config["config"].items() if k.startswith("0.")}
    extra = {"format": "pyexport/1", "input": {"range": [0, 1]}, "labels": list("abcd")}
    content = {
        "archive_format": b"pt2",
        "byteorder": b"little",
        clean.MODEL: _compact(model),
        clean.WEIGHTS: _compact(config),
        clean.EXTRA: _compact(extra),
        "data/weights/weight_0": members["data/weights/weight_0"],
        "data/weights/weight_1": members["data/weights/weight_1"],
    }
    return zips.join([(b"m/" + name.encode(), data) for name, data in content.items()])


def _compact(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def onnx_models() -> list[bytes]:
    """Return ONNX models: the clean one, one of many operators, and the small hostile ones."""
    return [protobuf.model(), _many_operators(), *corpus("onnx-", "lookalike-onnx", "junk-onnx")]


def _many_operators() -> bytes:
    """Return a model of an image with one operator of most families."""
    numbers = {
        "w": protobuf.tensor("w", (2, 1, 3, 3), clean.floats(18)),
        "half": protobuf.tensor("half", (1,), clean.floats(1)),
        "shape": protobuf.tensor("shape", (2,), struct.pack("<2q", 0, -1), protobuf.INT64),
        "two": protobuf.tensor("two", (), struct.pack("<q", 2), protobuf.INT64),
        "f": protobuf.tensor("f", (2, 32), clean.floats(64)),
    }
    lists = protobuf.field(1, "kernel_shape") + protobuf.field(8, 2) * 2 + protobuf.field(20, 7)
    axis = protobuf.integer("axis", 1)
    nodes = (
        protobuf.node("Conv", ("x", "w"), "a"),
        protobuf.node("Sigmoid", ("a",), "b"),
        protobuf.node("Mul", ("a", "b"), "c"),
        protobuf.node("MaxPool", ("c",), "d", lists),
        protobuf.node("Transpose", ("d",), "e"),
        protobuf.node("Transpose", ("e",), "g"),
        protobuf.node("Add", ("g", "half"), "h"),
        protobuf.node("Concat", ("h", "g"), "i", axis),
        protobuf.node("Gather", ("i", "two"), "j", axis),
        protobuf.node("Reshape", ("j", "shape"), "k"),
        protobuf.node("ReduceMean", ("k",), "l"),
        protobuf.node("Shape", ("k",), "m"),
        protobuf.node("Softmax", ("k",), "y"),
    )
    image = protobuf.value_info("x", (1, 1, 6, 6))
    return protobuf.model(
        protobuf.graph(nodes, numbers, (image,)), stated=b'{"format":"pyexport/1"}'
    )


def pickled() -> list[bytes]:
    """Return the pickles inside torch.save files."""
    inner = [
        content
        for data in state_dicts()
        for name, content in zips.split(data)
        if name.endswith(b"data.pkl")
    ]
    return sorted({*inner, *corpus("pickle-")})


def state_dicts() -> list[bytes]:
    """Return torch.save files: a state_dict, a checkpoint of one, and a module."""
    plain = pickles.state_dict()
    checkpoint = b"\x80\x02}(" + pickles.text("epoch") + b"K\x01" + pickles.text("model")
    checkpoint += plain[2:-1] + b"u."
    made = [pickles.saved(p) for p in (plain, checkpoint, _module())]
    return [*made, *corpus("state-dict", "torch-")]


def _module() -> bytes:
    """Return the pickle of Sequential(Linear(3, 4), ReLU())."""

    def built(kind: str, **state: bytes) -> bytes:
        items = b"".join(pickles.text(key) + value for key, value in state.items())
        return f"{STOCK}{kind}\n".encode() + b")\x81}(" + items + b"ub"

    weight = pickles.text("weight") + pickles.tensor("0", (4, 3), (3, 1))
    bias = pickles.text("bias") + pickles.tensor("1", (4,), (1,))
    linear = built(
        "linear\nLinear", in_features=b"K\x03", out_features=b"K\x04",
        _parameters=b"}(" + weight + bias + b"u",
    )  # fmt: skip
    layers = pickles.text("0") + linear + pickles.text("1") + built("activation\nReLU")
    return b"\x80\x02" + built("container\nSequential", _modules=b"}(" + layers + b"u") + b"."


def scratch_files() -> list[bytes]:
    """Return checkpoints of the scratch engine."""
    return corpus("scratch-")


def tensor_files() -> list[bytes]:
    """Return safetensors files of weights, in several types."""
    shapes = {"0.weight": [4, 3], "0.bias": [4], "2.weight": [2, 4], "2.bias": [2]}
    header: dict[str, object] = {}
    offset = 0
    for name, shape in shapes.items():
        size = 4 * shape[0] * (shape[1] if len(shape) == 2 else 1)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    return [tensors.safetensors(header, clean.floats(offset // 4)), *corpus("safetensors-")]


def metadata_texts() -> list[bytes]:
    """Return texts of extra/pyexport.json for a model of 3 inputs and 2 outputs."""
    rows = {"dtype": "F32", "shape": [2, 3], "data": "AAAAAAAAgD8AAAA/AAAAAAAAgD8AAAA/"}
    marks = {"dtype": "U8", "shape": [2], "data": "AAE="}
    whole = {
        "format": "pyexport/1",
        "producer": "someone",
        "input": {"range": [0, 1], "unit": "volt"},
        "labels": ["no", "yes"],
        "calibration": {"inputs": rows},
        "evaluation": {"inputs": rows, "targets": marks},
    }
    return [_compact(whole), _compact({"format": "pyexport/1"}), *map(_extra, archives())]


def _extra(archive: bytes) -> bytes:
    found = (content for name, content in zips.split(archive) if name.endswith(b"pyexport.json"))
    return next(found, b"{}")


def sidecars() -> list[bytes]:
    """Return texts of model.toml."""
    whole = (
        'arch = "3-4r-2"\nlabels = ["no", "yes"]\ncalibration = "rows.npz"\n'
        'evaluation = "test.npz"\n\n[input]\nrange = [0, 1]\nunit = "volt"\n'
    )
    return [whole.encode(), b'labels = ["no", "yes"]\n[input]\nrange = [0, 1]\n', b"",
            *corpus("sidecar-", suffix=".toml")]  # fmt: skip


def sample_files() -> list[bytes]:
    """Return .npy, .npz, .csv and IDX files of rows of 3."""
    rows = npy("<f4", (2, 3), clean.floats(6))
    marks = npy("<i8", (2,), struct.pack("<2q", 0, 1))
    idx = b"\0\0\x08\x02" + struct.pack(">2I", 2, 3) + bytes(range(6))
    return [
        rows,
        npy("|u1", (2, 3), bytes(6), fortran=True),
        zips.join([(b"inputs.npy", rows), (b"targets.npy", marks)]),
        b"a,b,c,label\n1,2,3,0\n0.5,1e3,-2,1\n",
        b"1;2;3\n4;5;6\n",
        idx,
        gzip.compress(idx, mtime=0),
        *corpus("samples-", "zip-numpy"),
    ]


def npy(dtype: str, shape: tuple[int, ...], data: bytes, fortran: bool = False) -> bytes:
    """Return a .npy file of version 1."""
    text = f"{{'descr': '{dtype}', 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


@cache
def exports() -> tuple[Export, ...]:
    """Return exports of the clean network in both schemes."""
    model = parse_pt2(clean.archive(), "m.pt", "m.pt")
    return tuple(export_model(model, ExportOptions("net", scheme=s)) for s in ("int8", "float32"))


def artifacts() -> list[bytes]:
    """Return .px files."""
    return [
        *(write_artifact(export.artifact) for export in exports()),
        *corpus("artifact-", suffix=".px"),
    ]


def headers() -> list[bytes]:
    """Return the beginnings of generated headers, where their identity stands."""
    whole = [export.header.encode() for export in exports()]
    return [
        *(_around(text, b"_IDENTITY") for text in whole),
        *corpus("header-", suffix=".h"),
        *corpus("junk-header"),
    ]


def _around(text: bytes, word: bytes) -> bytes:
    start = max(text.index(word) - 1000, 0)
    return text[start : start + 2000]


def anything() -> list[bytes]:
    """Return one small file of every kind."""
    return [*_heads(), *corpus("junk-", "pickle-", "lookalike-")]


def _heads() -> Iterator[bytes]:
    onnx = b"\x08\x07\x12\x07pytorch\x1a\x032.0\x22\x00\x3a\x04\x0a\x02\x0a\x00"
    yield from (onnx, b'{"format": 1}', b"\x1c\0\0\0TFL3" + bytes(20), b"GGUF\x03\0\0\0")
    for make in (archives, state_dicts, pickled, tensor_files, sample_files, artifacts, headers):
        yield from make()[:3]
