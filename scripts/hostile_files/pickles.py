"""Pickles that would call, import, overflow or never end if a reader ran them."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable

from scripts.hostile_files import clean
from scripts.hostile_files.case import ARCH, EXPORTS, REFUSED, Case


class Call:
    """An object whose pickle calls a function when it is loaded."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self._call


def text(value: str) -> bytes:
    """Return the opcode that pushes a text."""
    data = value.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def torch_zip(
    pickled: bytes, storages: dict[str, bytes] | None = None, packed: bool = False
) -> bytes:
    """Return what torch.save writes around a pickle."""
    members = {"archive/data.pkl": pickled, "archive/byteorder": b"little"}
    members |= {f"archive/data/{key}": content for key, content in (storages or {}).items()}
    members |= {"archive/version": b"3\n"}
    return clean.zipped(members, zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED)


def tensor(key: str, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0,
           count: int | None = None) -> bytes:  # fmt: skip
    """Return the opcodes that push one float tensor of a state_dict."""
    stored = clean.BYTES.get(shape, 16) // 4 if count is None else count
    numbers = pickle.dumps((offset, shape, strides), 2)[2:-1]
    size = pickle.dumps(stored, 2)[2:-1]
    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu")
    tail = b"\x89ccollections\nOrderedDict\n)R"
    pieces = pickle.loads(b"\x80\x02" + numbers + b".")
    body = b"".join(pickle.dumps(piece, 2)[2:-1] for piece in pieces)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + size + b"tQ" + body + tail + b"tR"


def state_dict(first: bytes | None = None, key: str = "0.weight", after: bytes = b"") -> bytes:
    """Return the pickle of the clean network's state_dict, its first tensor replaced."""
    body = b"\x80\x02ccollections\nOrderedDict\n)R("
    for index, (name, shape) in enumerate(clean.PARAMETERS.items()):
        strides = (shape[1], 1) if len(shape) == 2 else (1,)
        value = tensor(str(index), shape, strides)
        body += text(key if index == 0 else name) + (first if first and index == 0 else value)
    return body + b"u" + after + b"."


def saved(pickled: bytes, packed: bool = False) -> bytes:
    """Return the torch.save file of a state_dict pickle, with its four storages."""
    storages = {
        str(i): clean.floats(clean.BYTES[s] // 4) for i, s in enumerate(clean.PARAMETERS.values())
    }
    return torch_zip(pickled, storages, packed)


def cases(canary: str) -> list[Case]:
    """Return the pickles; what they call makes a file at `canary`."""
    command = f"touch '{canary}'"
    system = pickle.dumps(Call(os.system, command), 2)
    call = b"cos\nsystem\n(" + text(command) + b"tR"
    calls = {
        "reduce": b"\x80\x02" + call + b".",
        "protocol-0": pickle.dumps(Call(os.system, command), 0),
        "stack-global": pickle.dumps(Call(os.system, command), 4),
        "protocol-5": pickle.dumps(Call(os.system, command), 5),
        "eval": pickle.dumps(Call(eval, f"__import__('os').system({command!r})"), 2),
        "inst": b"(" + text(command) + b"ios\nsystem\n.",
        "obj": b"\x80\x02(cos\nsystem\n" + text(command) + b"o.",
        "newobj-ex": b"\x80\x04cos\nsystem\n(" + text(command) + b"t}\x92.",
        "persid": b"cos\nsystem\n(Pos.system\ntR.",
        "binpersid": b"\x80\x02cos\nsystem\n" + text(command) + b"\x85RQ.",
        "build-state": b"\x80\x02cos\nsystem\n)\x81}" + text("__setstate__") + call + b"sb.",
        "extension-2": b"\x80\x02\x83\x01\x01" + text(command) + b"\x85R.",
        "extension-4": b"\x80\x02\x84\x01\0\0\x01" + text(command) + b"\x85R.",
        "out-of-band": b"\x80\x05\x97\x98cos\nsystem\n\x8c\x01x\x85R.",
        "newobj": b"\x80\x02cos\nsystem\n" + text(command) + b"\x85\x81.",
        "build": b"\x80\x02ccollections\nOrderedDict\n)R}" + call + b"sb.",
        "extension": b"\x80\x02\x82\x01" + text(command) + b"\x85R.",
        "memo-names": b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94h\x00h\x01\x93(" + text(command)
        + b"tR.",
        "torch-alias": b"\x80\x02ctorch.serialization\nos.system\n(" + text(command) + b"tR.",
        "getattr": b"\x80\x02cbuiltins\ngetattr\n(c__builtin__\n__import__\n" + text("x") + b"tR.",
        "after-stop": state_dict() + b"\x80\x02" + call + b".",
        "dotted-name": b"\x80\x04\x8c\x05torch\x8c\x0c_utils.os.sy\x93.",
    }  # fmt: skip
    numbers = pickle.dumps(OrderedDict(a=[1, 2, 3]), 2)
    found = [Case(f"pickle-{n}", data, numbers, twin_ends=REFUSED) for n, data in calls.items()]
    found += [
        Case(f"torch-zip-{n}", torch_zip(data), saved(state_dict()), options=ARCH)
        for n, data in calls.items()
    ]
    poisoned = state_dict(after=text("z") + call + b"s")
    plain = state_dict(after=text("z") + text("3") + b"s")
    twin = saved(state_dict())
    giant = tensor("0", (1 << 20, 1 << 20), (0, 0))
    files = {
        "state-dict-call": saved(poisoned),
        "state-dict-stride-0": saved(state_dict(giant)),
        "state-dict-negative-offset": saved(state_dict(tensor("0", (4, 3), (3, 1), -4))),
        "state-dict-negative-stride": saved(state_dict(tensor("0", (4, 3), (-3, 1), 11))),
        "state-dict-outside": saved(state_dict(tensor("0", (4, 3), (300, 1)))),
        "state-dict-lying-count": saved(state_dict(tensor("0", (4, 3), (3, 1), 0, 1 << 40))),
        "state-dict-storage-path": saved(state_dict(tensor("../../etc/passwd", (4, 3), (3, 1)))),
        "state-dict-name": saved(state_dict(key='0.weight\n*/ int evil(void); /*\x1b[2J"[/red]')),
        "state-dict-truncated": saved(state_dict()[:-40]),
        "torch-zip-memo-flood": saved(b"\x80\x04N" + b"\x94" * (4 << 20) + b"."),
        "torch-zip-opcode-flood": saved(b"\x80\x02" + b"N0" * (3 << 20) + b"."),
        "torch-zip-deep": saved(b"\x80\x02" + b"(" * (1 << 20) + b"t" * (1 << 20) + b"."),
        "torch-zip-get-flood": saved(b"\x80\x02X\1\0\0\0aq\0" + b"h\0" * (3 << 20) + b"."),
        "torch-zip-copy-flood": saved(
            b"\x80\x02cbuiltins\nset\nq\0]q\1(" + b"N" * 50_000 + b"e"
            + b"h\0h\1\x85R" * 2000 + b"."
        ),
        "torch-zip-lying-length": saved(b"\x80\x02X\xff\xff\xff\x7fabc."),
        "torch-zip-long-digits": saved(b"L" + b"9" * (1 << 20) + b"L\n."),
        "torch-zip-two-pickles": clean.zipped({"a/data.pkl": numbers, "b/data.pkl": numbers}),
        "torch-legacy": bytes.fromhex("80028a0a6cfc9c46f92094a850") + system,
    }  # fmt: skip
    found += [Case(name, data, twin, options=ARCH) for name, data in files.items()]
    found += [
        Case(f"state-dict-cut-{name}", twin[:at], twin, options=ARCH)
        for name, at in clean.structures(twin).items()
    ]
    big_endian = clean.zipped(
        {n: b"big" if n.endswith("byteorder") else c for n, c in clean.unzipped(twin).items()}
    )
    found.append(Case("state-dict-big-endian", big_endian, twin, options=ARCH))
    found.append(Case("state-dict-with-text", saved(plain), twin, options=ARCH))
    weights: dict[str, bytes | None] = {
        clean.WEIGHTS: clean.pickled_weights(),
        "data/weights/weight_0": torch_zip(system),
    }
    found += [
        Case("archive-weight-is-a-pickle", clean.replaced(weights), clean.archive()),
        Case(
            "archive-constant-is-a-pickle",
            clean.replaced(clean.constant(torch_zip(system), pickled=True)),
            clean.replaced(clean.constant(clean.floats(4), pickled=False)),
        ),
    ]
    found.append(
        Case(
            "archive-sample-inputs",
            clean.replaced({clean.SAMPLE: torch_zip(system)}),
            clean.replaced({clean.SAMPLE: torch_zip(pickle.dumps(((1,), {}), 2))}),
            EXPORTS,
        )
    )
    return found
