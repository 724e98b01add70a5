"""The section that says where firmware and simulator were compared, on what, and what differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyexport.report.page.blocks import Cell, Table, cells, columns, count
from pyexport.report.page.material import Material
from pyexport.report.page.section import Values

Target = Mapping[str, Any]


def comparison_values(material: Material) -> Values:
    """Return tables of targets, of suites, of static checks, and of what was not run."""
    document = material.verification
    targets: list[Target] = document["targets"]
    return {
        "tables": [
            *([_targets(targets), _suites(targets)] if targets else []),
            *([_checks(document)] if targets else []),
            *_left_out(material),
        ],
        "problems": document["problems"],
        "firsts": [
            {"target": t["target"], "steps": t["first_difference"]["steps"]}
            for t in targets
            if t["first_difference"] is not None
        ],
        "saved": material.saved.get("verification", ""),
    }


def _targets(targets: list[Target]) -> Table:
    rows = []
    for t in targets:
        agrees = not t["differing_rows"]
        ties = f"{t['argmax_vectors']:,}" if t["argmax_vectors"] else "\N{EN DASH}"
        passes = {True: Cell("passes", True), False: Cell("fails", False), None: Cell("not run")}
        rows.append(
            cells(
                t["target"], count(t["rows"]), count(t["output_bytes"]), count(t["accumulators"]),
                count(t["classes"]), Cell(count(t["differing_rows"]), agrees),
                Cell(ties, not t["argmax_wrong"] if t["argmax_vectors"] else None),
                passes[t["selftest"]], t["compiler"],
            )
        )  # fmt: skip
    return Table(
        "Compared bit for bit with the simulator, on each target",
        columns(
            "target", ">inputs", ">output bytes", ">accumulators", ">classes", ">inputs differ",
            ">ties in argmax", "self-test", "compiler",
        ),
        tuple(rows),
    )  # fmt: skip


def _suites(targets: list[Target]) -> Table:
    names = list(dict.fromkeys(s["name"] for t in targets for s in t["suites"]))
    rows = []
    for name in names:
        row = [Cell(name)]
        for t in targets:
            mine = [s for s in t["suites"] if s["name"] == name]
            compared = sum(s["rows"] for s in mine)
            wrong = sum(s["differing_rows"] for s in mine)
            text = f"{wrong:,} of {compared:,}" if wrong else count(compared)
            row.append(Cell(text, not wrong) if mine else Cell("\N{EN DASH}"))
        rows.append(tuple(row))
    titles = (f">{t['target']}" for t in targets)
    return Table(
        "Inputs of each suite; with a cross, how many of them differ",
        columns("suite", *titles),
        tuple(rows),
    )


def _checks(document: Mapping[str, Any]) -> Table:
    targets = document["targets"]
    names = dict.fromkeys(f["name"] for t in targets for f in t["findings"])
    rows = []
    for name in names:
        held = [next((f for f in t["findings"] if f["name"] == name), None) for t in targets]
        rows.append((Cell(name), *map(_held, held)))
    for f in document["findings"]:
        rows.append((Cell(f"{f['name']} (header)"), *(_held(f) for _ in targets)))
    return Table(
        "Static checks of each image, and of the header",
        columns("check", *(t["target"] for t in targets)),
        tuple(rows),
    )


def _held(finding: Mapping[str, Any] | None) -> Cell:
    if finding is None:
        return Cell("\N{EN DASH}")
    return Cell("holds" if finding["ok"] else "fails", finding["ok"])


def _left_out(material: Material) -> list[Table]:
    rows = [cells(name, str(why)) for name, why in material.verification["left_out"].items()]
    rows += [cells(f"suite {name}", why) for name, why in material.left_out_suites.items()]
    return [Table("Not run", columns("what", "~why"), tuple(rows))] if rows else []
