"""The head of the page: one sentence of verdict, and the figures that are asked for first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyexport.report.page.blocks import count, figure, listed, percent, plural
from pyexport.report.page.material import Attack, Hunted, Material
from pyexport.report.page.sizes import ports
from pyexport.verify.generated import Generated


@dataclass(frozen=True)
class Verdict:
    """Whether firmware and simulator agree, in one sentence, and what limits that."""

    ok: bool
    sentence: str
    limits: tuple[str, ...]  # what was not run


@dataclass(frozen=True)
class Key:
    """One figure of the head."""

    name: str
    value: str
    note: str


def verdict(material: Material) -> Verdict:
    """Return the verdict: PASS if nothing that was compared differs and every check holds."""
    document = material.verification
    problems = [*document["problems"], *_judged(material)]
    if problems:
        more = f" (and {plural(len(problems) - 1, 'more problem')})" if len(problems) > 1 else ""
        return Verdict(False, f"{problems[0]}{more}", _limits(document))
    targets = document["targets"]
    names = listed([t["target"] for t in targets])
    inputs = sum(t["rows"] for t in targets)
    values = sum(t["output_bytes"] + t["accumulators"] + t["classes"] for t in targets)
    checks = sum(len(t["findings"]) for t in targets) + len(document["findings"])
    return Verdict(
        True,
        f"firmware and simulator agree bit for bit on {names}: {values:,} output bytes, "
        f"accumulators and classes of {plural(inputs, 'inference')}, and all {checks} checks hold.",
        _limits(document),
    )


def keys(material: Material) -> tuple[Key, ...]:
    """Return the figures for the head of the page."""
    targets = material.verification["targets"]
    differing = sum(t["differing_rows"] for t in targets)
    inputs = sum(t["rows"] for t in targets)
    on = plural(len(targets), "target")
    return (
        *_accuracy(material),
        *_memory(material),
        Key("differences", count(differing), f"in {plural(inputs, 'inference')} on {on}"),
        *_gap(material),
    )


def _judged(material: Material) -> list[str]:
    """Return what is wrong about the inputs that were judged outside of the verification."""
    found = []
    for what, made in (
        ("generated inputs", material.generated),
        ("changed starts", material.attack),
    ):
        if isinstance(made, Generated | Attack):
            wrong = made.wrong_rows if isinstance(made, Generated) else made.verdicts.wrong_rows
            if wrong:
                found.append(
                    f"{material.judge}: {wrong} of the {what} give other outputs than the simulator"
                )
    return found


def _limits(document: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        f"{name} was not run: {_reason(name, why)}" for name, why in document["left_out"].items()
    )


def _reason(name: str, why: object) -> str:
    return str(why).removeprefix(f"{name}: ").removeprefix(f"{name} ")


def _accuracy(material: Material) -> list[Key]:
    right, errors, scheme = material.accuracy, material.errors, material.scheme
    if right is not None:
        value = percent(right.exported_correct, right.rows)
        return [
            Key("accuracy", value, f"{scheme}; float {percent(right.float_correct, right.rows)}")
        ]
    if errors is not None:
        note = f"{scheme}, root mean square; float {figure(errors.float_rmse)}"
        return [Key("error", figure(errors.exported_rmse), note)]
    return []


def _memory(material: Material) -> list[Key]:
    program, (taken, given) = material.program, ports(material)
    costs = [t["cost"] for t in material.verification["targets"] if t["cost"]]
    flash, stack = ([c[key] for c in costs] for key in ("flash_bytes", "stack_bytes"))
    of_tables = f"{program.const_bytes:,} of tables"
    state = f" {program.state_bytes:,} state," if program.state_bytes else ""
    parts = f"bytes: {program.arena_bytes:,} scratch,{state} {taken:,} in, {given:,} out"
    found = [
        Key(
            "flash",
            _span(flash or [program.const_bytes]),
            f"bytes, {of_tables}" if flash else "bytes of tables",
        ),
        Key("RAM", count(program.arena_bytes + program.state_bytes + taken + given), parts),
    ]
    if stack:
        found.append(Key("stack", _span(stack), "bytes, scratch in it, measured"))
    return found


def _span(values: list[int]) -> str:
    low, high = min(values), max(values)
    return count(low) if low == high else f"{low:,}\N{EN DASH}{high:,}"


def _gap(material: Material) -> list[Key]:
    if not isinstance(material.hunt, Hunted):
        return []
    gap = material.hunt.found.gap
    return [Key("largest gap", figure(gap.size), "of an output, float against export, hunted for")]
