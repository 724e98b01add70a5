"""The figures of a report as plain JSON values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

import numpy as np

from pyexport.report.page.material import Attack, Hunted, Material, Missing
from pyexport.report.page.verdict import verdict
from pyexport.verify.cause import count_causes
from pyexport.verify.generated import Generated
from pyexport.verify.layer_errors import LayerError, Spread

T = TypeVar("T")


def report_figures(material: Material) -> dict[str, Any]:
    """Return what the page says, with why in place of what is not there."""
    found, errors, costs = verdict(material), material.layer_errors, material.costs
    return {
        "name": material.artifact.name,
        "identity": material.artifact.identity,
        "ok": found.ok,
        "verdict": found.sentence,
        "verification": dict(material.verification),
        "left_out_suites": dict(material.left_out_suites),
        "layers": [dict(row) for row in material.layers],
        "accuracy": None if material.accuracy is None else asdict(material.accuracy),
        "errors": None if material.errors is None else asdict(material.errors),
        "layer_errors": _each(errors, _layer),
        "costs": _each(costs, lambda one: one.as_json()),
        "generated": _generated(material.generated),
        "attack": _attack(material.attack),
        "hunt": _hunt(material.hunt),
        "commands": [command.line for command in material.commands],
    }


def _each(values: Sequence[T] | Missing, shown: Callable[[T], dict[str, Any]]) -> object:
    if isinstance(values, Missing):
        return {"missing": values.reason}
    return [shown(value) for value in values]


def _layer(error: LayerError) -> dict[str, Any]:
    return {
        "node": error.node,
        "source": error.source,
        "step": error.step,
        "whole": _spread(error.whole),
        "own": None if error.own is None else _spread(error.own),
        "clipped": error.clipped,
    }


def _spread(spread: Spread) -> dict[str, float | None]:
    sqnr = spread.sqnr if np.isfinite(spread.sqnr) else None  # JSON has no infinity
    return {"max": spread.max, "mean": spread.mean, "sqnr_db": sqnr}


def _generated(made: Generated | Missing) -> dict[str, Any]:
    if isinstance(made, Missing):
        return {"missing": made.reason}
    return {
        "classes": list(made.classes),
        "optimal": made.optimal.integer_classes.tolist(),
        "grown_rows": len(made.grown_targets),
        "rows": made.rows,
        "differing_rows": made.wrong_rows,
    }


def _attack(attack: Attack | Missing) -> dict[str, Any]:
    if isinstance(attack, Missing):
        return {"missing": attack.reason}
    found = attack.found
    return {
        "starts": len(found.starts),
        "succeeded": int(found.succeeded.sum()),
        "distance": found.distance.tolist(),
        "differing_rows": attack.verdicts.wrong_rows,
    }


def _hunt(hunted: Hunted | Missing) -> dict[str, Any]:
    if isinstance(hunted, Missing):
        return {"missing": hunted.reason}
    found = hunted.found
    return {
        "tried": found.found.tried,
        "disagreements": len(found.found.rows),
        "causes": [
            {"node": c.node, "source": c.source, "clips": c.clips, "rows": n}
            for c, n in count_causes(found.causes)
        ],
        "gap": {
            "output": found.gap.output,
            "float": found.gap.float_value,
            "integer": found.gap.integer_value,
        },
    }
