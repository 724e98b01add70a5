"""Reads the pickle of a torch.save file as plain values: opcodes are interpreted, nothing called.

Containers, numbers and texts come back as themselves, tensors as arrays, and every other object as
an Inert record of its class name and state. No class is looked up by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pyexport.errors import FileFormatError, UnsupportedModelError
from pyexport.frontends.archive import Archive
from pyexport.frontends.floats import BFLOAT16, FLOAT16, stored_dtype, unread, widened
from pyexport.frontends.pickle_values import (
    DamagedError,
    Global,
    Inert,
    extend_list,
    new_object,
    ordered_dict,
    set_items,
    set_state,
)
from pyexport.ir import Array
from pyexport.untrusted import (
    MAX_COUNT,
    MAX_ELEMENTS,
    MAX_PICKLE_BYTES,
    MAX_PICKLE_OPCODES,
    MAX_RANK,
    MAX_REUSE,
    REUSE_FREE_BYTES,
    printable,
)

_STORAGES = {
    "FloatStorage": "<f4", "DoubleStorage": "<f8", "LongStorage": "<i8", "IntStorage": "<i4",
    "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?",
    "HalfStorage": FLOAT16, "BFloat16Storage": BFLOAT16,
}  # fmt: skip
_PUSHED = {
    "BININT", "BININT1", "BININT2", "LONG1", "INT", "LONG", "BINFLOAT", "FLOAT", "BINUNICODE",
    "SHORT_BINUNICODE", "UNICODE", "BINBYTES", "SHORT_BINBYTES", "BINSTRING", "SHORT_BINSTRING",
}  # fmt: skip
_MADE: dict[str, Callable[[], object]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_SET": list,
    "EMPTY_TUPLE": tuple,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(frozen=True)
class _Storage:
    """A buffer of the archive, named by a persistent id."""

    dtype: str  # the storage class, "FloatStorage"
    key: str
    count: int


def read_pickle(archive: Archive, leaf: str = "data.pkl", values: bool = True) -> object:
    """Return what the archive's pickle holds; without `values`, zeros for the tensors' numbers."""
    (member,) = [n for n in archive.names if n.rpartition("/")[2] == leaf]
    root = member.removesuffix(leaf)
    data = archive.read(member)
    where = archive.where
    if len(data) > MAX_PICKLE_BYTES:
        raise FileFormatError(
            f"{where}: its pickle is over {MAX_PICKLE_BYTES >> 20} MiB; save less"
        )
    order = f"{root}byteorder"
    if order in archive.names and archive.read(order).strip() != b"little":
        raise FileFormatError(f"{where}: written on a big-endian machine; save it on another one")
    try:
        return _Machine(archive, member.removesuffix(".pkl") + "/", values).run(data)
    except DamagedError as error:
        reason = printable(error)
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, AttributeError) as error:
        reason = f"{type(error).__name__}: {printable(error, 60)}"
    raise FileFormatError(
        f"{where}: its pickle is damaged or hostile ({reason}); nothing of it was run; "
        "save it again"
    )


class _Machine:
    """The stack machine of pickle, with nothing to call and nothing to import."""

    def __init__(self, archive: Archive, folder: str, values: bool) -> None:
        self._archive = archive
        self._values = values
        self._folder = folder  # of the tensors' buffers
        self._stack: list[object] = []
        self._marks: list[list[object]] = []
        self._memo: dict[int, object] = {}
        self._buffers: dict[str, bytes] = {}
        self._copied = 0
        self._room = MAX_REUSE * archive.total_bytes + REUSE_FREE_BYTES  # of tensors, in bytes

    def run(self, data: bytes) -> object:
        import pickletools  # archives and checkpoints of ours need it never

        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count >= MAX_PICKLE_OPCODES:
                raise DamagedError(f"over {MAX_PICKLE_OPCODES} opcodes")
            if opcode.name == "STOP":
                return self._stack.pop()
            self._step(opcode.name, argument)
        raise DamagedError("it does not end")

    def _step(self, name: str, argument: object) -> None:
        stack = self._stack
        if name in _PUSHED:
            stack.append(argument)
        elif name in _MADE:
            stack.append(_MADE[name]())
        elif name in _TUPLES:
            stack.append(tuple(self._pop(_TUPLES[name])))
        elif name in {"BINPUT", "LONG_BINPUT", "PUT"} and isinstance(argument, int):
            self._memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif name in {"BINGET", "LONG_BINGET", "GET"} and isinstance(argument, int):
            stack.append(self._memo[argument])
        elif name == "GLOBAL" and isinstance(argument, str):
            stack.append(Global(argument.replace(" ", ".", 1)))
        elif name == "STACK_GLOBAL":
            module, leaf = self._pop(2)
            if not isinstance(module, str) or not isinstance(leaf, str):
                raise DamagedError("a class whose name is no text")
            stack.append(Global(f"{module}.{leaf}"))
        elif name not in {"PROTO", "FRAME"}:
            self._compose(name)

    def _compose(self, name: str) -> None:
        """Do the opcodes that make one value of several."""
        match name:
            case "MARK":
                self._marks.append(self._stack)
                self._stack = []
            case "TUPLE":
                self._push_after_mark(tuple)
            case "LIST":
                self._push_after_mark(list)
            case "POP":
                self._stack.pop()
            case "APPEND":
                extend_list(self._stack[-2], self._pop(1))
            case "APPENDS" | "ADDITEMS":
                items = self._since_mark()
                extend_list(self._stack[-1], items)
            case "SETITEM":
                items = self._pop(2)
                set_items(self._stack[-1], items)
            case "SETITEMS":
                items = self._since_mark()
                set_items(self._stack[-1], items)
            case "BINPERSID":
                self._stack.append(_storage(self._stack.pop()))
            case "NEWOBJ":
                target, _ = self._pop(2)
                self._stack.append(new_object(target))
            case "REDUCE":
                target, arguments = self._pop(2)
                self._stack.append(self._reduce(target, arguments))
            case "BUILD":
                (state,) = self._pop(1)
                self._copy(state)
                set_state(self._stack[-1], state)
            case _:
                raise DamagedError(f"opcode {name}")

    def _pop(self, count: int) -> list[object]:
        if len(self._stack) < count:
            raise DamagedError("its stack runs empty")
        items = self._stack[-count:]
        del self._stack[-count:]
        return items

    def _since_mark(self) -> list[object]:
        items, self._stack = self._stack, self._marks.pop()
        return items

    def _push_after_mark(self, kind: type[tuple[object, ...]] | type[list[object]]) -> None:
        items = self._since_mark()
        self._stack.append(kind(items))

    def _copy(self, items: object) -> None:
        """Count the items of a container that is copied: one may be copied by every opcode."""
        self._copied += len(items) if isinstance(items, list | tuple | dict) else 0
        if self._copied > MAX_PICKLE_OPCODES:
            raise DamagedError(f"it copies over {MAX_PICKLE_OPCODES} items")

    def _reduce(self, target: object, arguments: object) -> object:
        """Return what a call would have made, for the few calls that make plain data."""
        if not isinstance(target, Global) or not isinstance(arguments, tuple):
            raise DamagedError("it calls what is no function")
        self._copy(arguments[0] if arguments else ())
        match target.name:
            case "collections.OrderedDict":
                return ordered_dict(arguments)
            case "builtins.set" | "__builtin__.set" | "torch.Size":
                values = arguments[0] if arguments else ()
                if not isinstance(values, list | tuple):
                    raise DamagedError("a set of no list")
                return tuple(values)
            case "torch._utils._rebuild_tensor_v2":
                return self._tensor(*arguments[:4])
            case "torch._utils._rebuild_parameter" | "torch.jit._pickle.restore_type_tag":
                return arguments[0]
        return Inert(target.name)

    def _tensor(self, storage: object, offset: object, sizes: object, strides: object) -> Array:
        where = self._archive.where
        if not isinstance(storage, _Storage) or not _counts([offset]):
            raise DamagedError("a tensor without a buffer")
        sizes, strides = list(_counts(sizes)), list(_counts(strides))
        if len(sizes) != len(strides) or len(sizes) > MAX_RANK:
            raise DamagedError("a tensor with another number of strides than sizes")
        code = _STORAGES.get(storage.dtype)
        if code is None:
            kind = printable(storage.dtype.removesuffix("Storage").lower(), 40)
            raise UnsupportedModelError(
                f"{where}: a tensor is {kind}; save model.float(), float32 weights"
            )
        dtype, count = stored_dtype(code), math.prod(sizes)
        if count > MAX_ELEMENTS:
            raise FileFormatError(
                f"{where}: a tensor claims {count} elements, over the limit {MAX_ELEMENTS}"
            )
        if count == 0:
            return np.zeros(0, dtype)
        if not self._values:
            return unread(code, sizes)
        self._room -= count * dtype.itemsize
        if self._room < 0:
            raise DamagedError(f"its tensors claim over {MAX_REUSE} times the bytes of the file")
        data = self._buffer(storage.key)
        (start,) = _counts([offset])
        last = start + sum((n - 1) * s for n, s in zip(sizes, strides, strict=True))
        if (last + 1) * dtype.itemsize > len(data):
            raise DamagedError("a tensor reaches outside its buffer")
        if storage.count * dtype.itemsize > len(data):
            raise DamagedError("a buffer is shorter than stated")
        values = np.frombuffer(data, dtype, len(data) // dtype.itemsize)[start:]
        view = np.lib.stride_tricks.as_strided(
            values, sizes, [s * dtype.itemsize for s in strides], writeable=False
        )
        return widened(np.ascontiguousarray(view).reshape(sizes), code)

    def _buffer(self, key: str) -> bytes:
        if key not in self._buffers:
            self._buffers[key] = self._archive.read(self._folder + key)
        return self._buffers[key]


def _counts(values: object) -> list[int]:
    """Return sizes, strides or an offset; each must be a number from 0 to 2**48."""
    if not isinstance(values, list | tuple):
        raise DamagedError("sizes that are no numbers")
    counts = [v for v in values if type(v) is int and 0 <= v <= MAX_COUNT]
    if len(counts) != len(values):
        raise DamagedError("a negative or huge size, stride or offset")
    return counts


def _storage(identifier: object) -> _Storage:
    if not isinstance(identifier, tuple) or len(identifier) != 5 or identifier[0] != "storage":
        raise DamagedError("a reference that is no tensor's buffer")
    _, kind, key, _, count = identifier
    if not isinstance(kind, Global) or not isinstance(key, str) or "/" in key or "\\" in key:
        raise DamagedError("a buffer without a plain name")
    (size,) = _counts([count])
    return _Storage(kind.name.rpartition(".")[2], key, size)
