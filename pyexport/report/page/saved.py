"""Takes what was saved before: a verification, and the rows that searches found.

Rows are taken, what was said about them is not: all models are asked again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pyexport.errors import CheckFailedError, UsageError
from pyexport.frontends.finds import read_arrays
from pyexport.ir import Array
from pyexport.report.page.material import Attack, Hunted, Missing
from pyexport.rows import illegal_value, input_tensors, row_dtype, row_size
from pyexport.runners import Runner
from pyexport.untrusted import MAX_MODEL_BYTES, parse_json, printable, read_regular
from pyexport.verify.causes import causes, gap_shares
from pyexport.verify.gaps import Gap
from pyexport.verify.generated import Generated
from pyexport.verify.goal import Attacked, Goal
from pyexport.verify.hunt import Disagreements
from pyexport.verify.hunting import Hunt, Small
from pyexport.verify.pair import Pair, judge
from pyexport.verify.shrink import distances

# What of a printed verification a report reads: a type, several, or what is inside.
_SUITE = {"name": str, "rows": int, "differing_rows": int}
_FINDING = {"name": str, "ok": bool, "detail": str}
_COST = {
    "flash_bytes": int, "parameters_bytes": int, "ram_static_bytes": int, "stack_bytes": int,
    "unit": str, "mean": float, "min": int, "max": int,
}  # fmt: skip
_TARGET = {
    "target": str, "compiler": str, "rows": int, "output_bytes": int, "accumulators": int,
    "classes": int, "differing_rows": int, "suites": [_SUITE], "argmax_vectors": int,
    "argmax_wrong": int, "selftest": (bool, None), "findings": [_FINDING], "cost": (_COST, None),
    "first_difference": ({"input": list, "steps": [str]}, None),
}  # fmt: skip
_DOCUMENT = {
    "name": str, "identity": str, "ok": bool, "problems": [str], "findings": [_FINDING],
    "left_out": dict, "targets": [_TARGET],
}  # fmt: skip

_GENERATED = ("classes", "optimal", "grown", "grown_targets", "composites")
_ATTACK = ("starts", "rows", "targets")
_HUNT = ("small_starts", "small_rows", "gap_row", "gap_worst")


@dataclass(frozen=True, eq=False)
class Saved:
    """What files hold; each kind at most once."""

    document: Mapping[str, Any] | None = None
    arrays: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)  # by kind
    files: Mapping[str, str] = field(default_factory=dict)  # names of files by kind

    def verification(self, identity: str) -> Mapping[str, Any] | None:
        """Return the saved verification; raises CheckFailedError for that of another export."""
        if self.document is not None and self.document["identity"] != identity:
            raise CheckFailedError(
                f"{self.files['verification']}: it is the verification of another export "
                f"(identity {self.document['identity'][:16]} against {identity[:16]})"
            )
        return self.document

    def generated(self, pair: Pair, runner: Runner | None) -> Generated | None:
        """Return saved generated inputs, judged again; None without any."""
        held = self.arrays.get("generated")
        if held is None:
            return None
        where = self.files["generated"]
        classes = tuple(int(n) for n in _ints(held["classes"], where))
        targets = _ints(held["grown_targets"], where)
        composites = np.asarray(held["composites"], np.float64)
        optimal, grown = (_legal(pair, held[name], where) for name in ("optimal", "grown"))
        if not (
            classes
            and len(optimal) == len(classes)
            and len(grown) == len(targets)
            and composites.shape in ((0, optimal.shape[1]), optimal.shape)
            and np.isfinite(composites).all()
            and all(0 <= n < pair.classes for n in (*classes, *targets.tolist()))
        ):
            raise UsageError(f"{where}: its arrays do not fit each other; generate them again")
        means = judge(pair, pair.integers(composites), runner)
        judged = judge(pair, optimal, runner), judge(pair, grown, runner)
        return Generated(classes, *judged, targets, composites, means, ())

    def attack(self, pair: Pair, runner: Runner | None) -> Attack | None:
        """Return saved changed starts, judged again; None without any."""
        held = self.arrays.get("attack")
        if held is None:
            return None
        where = self.files["attack"]
        starts, rows = (_legal(pair, held[name], where) for name in ("starts", "rows"))
        targets = _ints(held["targets"], where)
        if not (len(starts) == len(rows) == len(targets) > 0):
            raise UsageError(f"{where}: its arrays do not fit each other; attack again")
        targeted = not (targets == pair.integer_classes(starts)).all()
        goal = Goal(pair, targets, targeted)
        far = np.linalg.norm(pair.real(rows) - pair.real(starts), axis=1)
        found = Attacked(starts, rows, targets, goal.reached(rows), far, targeted)
        return Attack(found, judge(pair, rows, runner), f"rows of {printable(where)}")

    def hunt(self, pair: Pair) -> Hunted | Missing | None:
        """Return the saved disagreements that still are some; None without any."""
        held = self.arrays.get("hunt")
        if held is None:
            return None
        where = self.files["hunt"]
        starts, small = (_legal(pair, held[name], where) for name in _HUNT[:2])
        every = _legal(pair, held["rows"], where)
        (gap_row,) = _legal(pair, held["gap_row"][None], where)
        if len(starts) != len(small):
            raise UsageError(f"{where}: its arrays do not fit each other; hunt again")
        pairs = np.concatenate([starts, small], axis=1)
        pairs = pairs[_differ(pair, small)]
        starts, small = pairs[:, : starts.shape[1]], pairs[:, starts.shape[1] :]
        every = every[_differ(pair, every)]
        classes = [
            (pair.float_classes(pair.real(r)), pair.integer_classes(r)) for r in (every, small)
        ]
        far = distances(pair.real(small), pair.real(starts))
        gap = _gap(pair, gap_row, _legal(pair, held["gap_worst"], where))
        found = Hunt(
            Disagreements(every, *classes[0], 0, len(held["rows"]), 0.0),
            causes(pair, every[:1_000]),
            Small(starts, small, *classes[1], far, causes(pair, small)),
            gap,
            None,
            None,
        )
        return Hunted(found, gap_shares(pair, gap.row, gap.output))


def read_saved(paths: Sequence[Path]) -> Saved:
    """Return what files hold, or the files of a folder; raises UsageError for a foreign file."""
    document, arrays, files = None, {}, {}
    for path in paths:
        inside = path.is_dir()
        named = sorted(p for p in path.iterdir() if p.is_file()) if inside else [path]
        for one in named:
            if one.suffix == ".npz":
                kind, value = _found(one)
                if kind:
                    arrays[kind] = value
            elif one.suffix == ".json":
                kind, read = _verification(one)
                document = read if kind else document
            else:
                kind = ""
            if kind:
                files[kind] = one.name
            elif not inside:
                raise UsageError(
                    f"--from {path}: it is neither what `verify --json` printed nor the .npz of "
                    "generate, attack or hunt"
                )
        if inside and not files:
            raise UsageError(f"--from {path}: nothing in it was saved by verify or a search")
    return Saved(document, arrays, files)


def _verification(path: Path) -> tuple[str, Mapping[str, Any] | None]:
    where = printable(path, 300)
    read = parse_json(read_regular(path, MAX_MODEL_BYTES, "what `verify --json` printed"), where)
    if not isinstance(read, dict) or not {"identity", "problems", "targets"} <= read.keys():
        return "", None
    if not _fits(read, _DOCUMENT) or read["ok"] != (not read["problems"]):
        raise UsageError(f"{where}: a verification that this version did not print; verify again")
    return "verification", read


def _found(path: Path) -> tuple[str, dict[str, Array]]:
    held = read_arrays(path, {*_GENERATED, *_ATTACK, *_HUNT})
    for kind, names in (("generated", _GENERATED), ("hunt", ("rows", *_HUNT)), ("attack", _ATTACK)):
        if held.keys() >= set(names):
            return kind, held
    return "", {}


def _fits(value: Any, wanted: Any) -> bool:
    """Return whether a JSON value has the types that a report reads."""
    if wanted is None:
        return value is None
    if isinstance(wanted, tuple):
        return any(_fits(value, one) for one in wanted)
    if isinstance(wanted, list):
        return isinstance(value, list) and all(_fits(one, wanted[0]) for one in value)
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(_fits(value.get(k), w) for k, w in wanted.items())
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))


def _ints(values: Array, where: str) -> Array:
    if values.ndim != 1 or values.dtype.kind not in "ui":
        raise UsageError(f"{where}: its classes are no numbers in a row; make the file again")
    return values.astype(np.int64)


def _legal(pair: Pair, rows: Array, where: str) -> Array:
    tensors = input_tensors(pair.artifact.graph)
    wrong = rows.ndim != 2 or rows.shape[1] != row_size(tensors) or rows.dtype != row_dtype(tensors)
    if wrong or illegal_value(rows, tensors):
        raise UsageError(f"{where}: its rows are no inputs of {pair.artifact.name}; make it again")
    return np.ascontiguousarray(rows)


def _differ(pair: Pair, rows: Array) -> Array:
    differs: Array = pair.float_classes(pair.real(rows)) != pair.integer_classes(rows)
    return differs


def _gap(pair: Pair, row: Array, worst: Array) -> Gap:
    by_float = pair.float_outputs(pair.real(row[None]))[0]
    by_integer = pair.integer_outputs(row[None])[0]
    output = int(np.abs(by_float - by_integer).argmax())
    return Gap(row, output, float(by_float[output]), float(by_integer[output]), 0, worst)
