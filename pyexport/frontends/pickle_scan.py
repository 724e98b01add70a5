"""Says what a pickle would import, without running it: opcodes are listed, never executed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice

from pyexport.untrusted import MAX_PICKLE_BYTES, MAX_PICKLE_OPCODES

_TENSOR_GLOBALS = {
    "collections.OrderedDict",
    "torch.Size",
    "torch.device",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_tensor_v2",
    "torch.serialization._get_layout",
}
_TEXT_OPS = {
    "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "STRING", "BINSTRING", "SHORT_BINSTRING",
}  # fmt: skip


@dataclass(frozen=True)
class PickleScan:
    """What one pickle names; `complete` if its opcodes are valid up to STOP."""

    globals: tuple[str, ...]  # "module.name", sorted
    complete: bool
    length: int = 0  # bytes up to its end, if it is complete

    @property
    def kind(self) -> str:
        """Return "tensors", "stock modules", "own modules", "sklearn" or "foreign"."""
        others = [g for g in self.globals if not _is_tensor_global(g)]
        if self.globals and not others:
            return "tensors"
        if others and all(g.startswith("torch.nn.modules.") or g in _SETS for g in others):
            return "stock modules"
        if any(g.startswith("sklearn.") for g in others):
            return "sklearn"
        if any(g.startswith("torch.nn.") for g in others):
            return "own modules"
        return "foreign"

    @property
    def foreign(self) -> tuple[str, ...]:
        """Return the globals that neither torch nor Python's plain containers explain."""
        return tuple(g for g in self.globals if not g.startswith("torch.") and g not in _HARMLESS)


_SETS = {"builtins.set", "__builtin__.set"}
_HARMLESS = _SETS | {"collections.OrderedDict"}


def scan_pickle(data: bytes) -> PickleScan:
    """Return the globals that loading this pickle would import; never raises on bad data."""
    import pickletools  # only refused files are pickles; reading a model need not wait for it

    found: set[str] = set()
    memo: dict[int, str] = {}
    texts: deque[str] = deque(maxlen=2)  # the last strings pushed: STACK_GLOBAL takes two
    last: str | None = None  # the string on top of the stack, where it is one
    complete, length = False, 0
    try:
        opcodes = pickletools.genops(data[:MAX_PICKLE_BYTES])
        for opcode, argument, place in islice(opcodes, MAX_PICKLE_OPCODES):
            name = opcode.name
            if name in _TEXT_OPS and isinstance(argument, str):
                last = argument
                texts.append(argument)
            elif name in {"GET", "BINGET", "LONG_BINGET"}:
                last = memo.get(argument) if isinstance(argument, int) else None
                texts.extend([last] if last is not None else [])
            elif name in {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}:
                slot = argument if isinstance(argument, int) else len(memo)
                memo[slot] = last if last is not None else ""
            else:
                last = None
                if name in {"GLOBAL", "INST"} and isinstance(argument, str):
                    found.add(".".join(argument.split(" ", 1)))
                elif name == "STACK_GLOBAL":
                    found.add(".".join(texts))
            complete = name == "STOP"
            length = (place or 0) + 1
    except Exception:  # genops raises many kinds on damaged data, and any of them means the same
        complete = False
    return PickleScan(tuple(sorted(found)), complete, length if complete else 0)


def scan_pickles(data: bytes, count: int) -> tuple[str, ...]:
    """Return what the first `count` pickles of a file, one after another, would import."""
    found: set[str] = set()
    for _ in range(count):
        scan = scan_pickle(data)
        found.update(scan.globals)
        if not scan.length:
            break
        data = data[scan.length :]
    return tuple(sorted(found))


def _is_tensor_global(name: str) -> bool:
    module, _, leaf = name.rpartition(".")
    return name in _TENSOR_GLOBALS or (
        module in {"torch", "torch.storage"} and leaf[-7:] == "Storage"
    )
