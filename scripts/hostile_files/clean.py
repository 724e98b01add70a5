"""The clean files that the others are made of: a torch.export archive of a 3-4-2 network."""

from __future__ import annotations

import copy
import io
import json
import struct
import zipfile
from collections.abc import Callable
from typing import Any

Document = dict[str, Any]
ROOT = "model/"
MODEL = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"
EXTRA = "extra/pyexport.json"
SAMPLE = "data/sample_inputs/model.pt"
BYTES = {(4, 3): 48, (4,): 16, (2, 4): 32, (2,): 8}
PARAMETERS = {"0.weight": (4, 3), "0.bias": (4,), "2.weight": (2, 4), "2.bias": (2,)}


def floats(count: int, code: str = "f") -> bytes:
    """Return small float values, little-endian."""
    return struct.pack(f"<{count}{code}", *((i % 7 - 3) / 4 for i in range(count)))


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip archive with fixed dates."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


def tensor_meta(shape: tuple[int, ...]) -> Document:
    """Return what an archive says about a dense float32 tensor."""
    strides = [1] * len(shape)
    for axis in range(len(shape) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * shape[axis + 1]
    return {
        "dtype": 7,
        "sizes": [{"as_int": n} for n in shape],
        "requires_grad": False,
        "device": {"type": "cpu", "index": None},
        "strides": [{"as_int": n} for n in strides],
        "storage_offset": {"as_int": 0},
        "layout": 7,
    }


def node(target: str, output: str, path: str, kind: str, **arguments: str) -> Document:
    """Return a node of the graph whose arguments are tensors."""
    return {
        "target": f"torch.ops.aten.{target}.default",
        "inputs": [
            {"name": key, "arg": {"as_tensor": {"name": value}}, "kind": 1}
            for key, value in arguments.items()
        ],
        "outputs": [{"as_tensor": {"name": output}}],
        "metadata": {"nn_module_stack": f",,__main__.Net;_{path},{path},torch.nn.{kind}"},
        "is_hop_single_tensor_return": None,
    }


def model_document() -> Document:
    """Return models/model.json of the clean network."""
    tensors = {"p_" + name.replace(".", "_"): shape for name, shape in PARAMETERS.items()}
    values = tensors | {"input": (1, 3), "linear": (1, 4), "relu": (1, 4), "linear_1": (1, 2)}
    specs: list[Document] = [
        {"parameter": {"arg": {"name": "p_" + n.replace(".", "_")}, "parameter_name": n}}
        for n in PARAMETERS
    ]
    dense = {"weight": "p_0_weight", "bias": "p_0_bias"}
    last = {"weight": "p_2_weight", "bias": "p_2_bias"}
    return {
        "schema_version": {"major": 8, "minor": 20},
        "opset_version": {"aten": 10},
        "torch_version": "2.13.0",
        "range_constraints": {},
        "graph_module": {
            "graph": {
                "inputs": [{"as_tensor": {"name": n}} for n in (*tensors, "input")],
                "outputs": [{"as_tensor": {"name": "linear_1"}}],
                "nodes": [
                    node("linear", "linear", "0", "Linear", input="input", **dense),
                    node("relu", "relu", "1", "ReLU", self="linear"),
                    node("linear", "linear_1", "2", "Linear", input="relu", **last),
                ],
                "tensor_values": {n: tensor_meta(shape) for n, shape in values.items()},
                "sym_int_values": {},
                "sym_bool_values": {},
                "is_single_tensor_return": False,
            },
            "signature": {
                "input_specs": [*specs, {"user_input": {"arg": {"as_tensor": {"name": "input"}}}}],
                "output_specs": [{"user_output": {"arg": {"as_tensor": {"name": "linear_1"}}}}],
            },
            "module_call_graph": [],
            "metadata": {},
        },
    }


def members() -> dict[str, bytes]:
    """Return the members of the clean archive by their names below its folder."""
    config = {
        name: {
            "path_name": f"weight_{index}",
            "is_param": True,
            "use_pickle": False,
            "tensor_meta": tensor_meta(shape),
        }
        for index, (name, shape) in enumerate(PARAMETERS.items())
    }
    buffers = {
        f"data/weights/weight_{index}": floats(BYTES[shape] // 4)
        for index, shape in enumerate(PARAMETERS.values())
    }
    extra = {"format": "pyexport/1", "input": {"range": [0.0, 1.0], "unit": "volt"}}
    return {
        "archive_format": b"pt2",
        "archive_version": b"0",
        "byteorder": b"little",
        MODEL: json.dumps(model_document()).encode(),
        WEIGHTS: json.dumps({"config": config}).encode(),
        SAMPLE: b"",
        EXTRA: json.dumps(extra | {"labels": ["no", "yes"]}).encode(),
        **buffers,
    }


def pickled_weights() -> bytes:
    """Return the list of weights, which says that the first one is a pickle."""
    config = json.loads(members()[WEIGHTS])
    config["config"]["0.weight"]["use_pickle"] = True
    return json.dumps(config).encode()


def constant(content: bytes, *, pickled: bool) -> dict[str, bytes | None]:
    """Return the members that make the first bias a constant of the archive."""
    model, weights = model_document(), json.loads(members()[WEIGHTS])
    entry = weights["config"].pop("0.bias") | {"path_name": "tensor_0", "use_pickle": pickled}
    spec = {"tensor_constant": {"arg": {"name": "p_0_bias"}, "tensor_constant_name": "0.bias"}}
    model["graph_module"]["signature"]["input_specs"][1] = spec
    return {
        MODEL: json.dumps(model).encode(),
        WEIGHTS: json.dumps(weights).encode(),
        "data/constants/model_constants_config.json": json.dumps(
            {"config": {"0.bias": entry}}
        ).encode(),
        "data/constants/tensor_0": content,
    }


def unzipped(data: bytes) -> dict[str, bytes]:
    """Return the members of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def structures(data: bytes) -> dict[str, int]:
    """Return places inside every structure of a zip archive, where a cut leaves half of it."""
    central, end = data.index(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    last = data.rindex(b"PK\x03\x04")
    return {
        "magic": 3,
        "local-header": 20,
        "name": 34,
        "first-member": 30 + data[26] + 2,
        "last-local-header": last + 10,
        "last-member": central - 2,
        "before-directory": central,
        "directory-entry": central + 20,
        "directory": (central + end) // 2,
        "before-end": end,
        "end-record": end + 10,
        "last-byte": len(data) - 1,
    }


def archive(**options: int) -> bytes:
    """Return the clean archive."""
    return replaced({}, **options)


def replaced(changes: dict[str, bytes | None], **options: int) -> bytes:
    """Return the archive with members replaced, added, or for None left out."""
    whole: dict[str, bytes | None] = {**members(), **changes}
    kept = {ROOT + name: content for name, content in whole.items() if content is not None}
    return zipped(kept, **options)


def edited(member: str, change: Callable[[Document], object]) -> bytes:
    """Return the archive after `change` worked on one JSON member."""
    document = copy.deepcopy(json.loads(members()[member]))
    change(document)
    return replaced({member: json.dumps(document).encode()})
