"""The sections about layers: how far each is from the float model, and what it costs on a chip."""

from __future__ import annotations

import math

from pyexport.costing import Costing
from pyexport.report.page.blocks import Cell, Table, cells, columns, count, figure, percent
from pyexport.report.page.material import Material, Missing
from pyexport.report.page.section import Values
from pyexport.verify.layer_errors import Spread

FULL_SQNR = 60.0  # decibel of a whole bar: about what 10 bits give


def error_values(material: Material) -> Values:
    """Return the table of errors by layer."""
    found = material.layer_errors
    if isinstance(found, Missing):
        return found
    rows = []
    for layer in found:
        own = layer.own
        rows.append(
            cells(
                layer.node, layer.source,
                "\N{EN DASH}" if layer.step is None else figure(layer.step),
                figure(layer.whole.max), figure(layer.whole.mean), _sqnr(layer.whole),
                "\N{EN DASH}" if own is None else figure(own.max),
                "\N{EN DASH}" if own is None else _sqnr(own),
                "\N{EN DASH}" if layer.clipped is None else percent(layer.clipped, 1.0, 3),
            )
        )  # fmt: skip
    titles = (
        "layer", "module", ">one step", ">largest error", ">mean error", ">SQNR",
        ">largest, own", ">SQNR, own", ">clipped",
    )  # fmt: skip
    caption = f"{material.scheme} against float, on {material.known.what}"
    return {"tables": [Table(caption, columns(*titles), tuple(rows))]}


def cost_values(material: Material) -> Values:
    """Return a table of layers and targets."""
    found = material.costs
    if isinstance(found, Missing):
        return found
    measured = {t["target"]: t["cost"] for t in material.verification["targets"] if t["cost"]}
    return {
        "tables": [_costs(one) for one in found],
        "notes": [
            f"{one.target}: estimated {one.mean:,.0f}, counted in this report "
            f"{measured[one.target]['mean']:,.0f} {one.unit}"
            for one in found
            if one.mean is not None and one.target in measured
        ],
    }


def _sqnr(spread: Spread) -> Cell:
    if math.isinf(spread.sqnr):
        return Cell(
            "exact" if spread.sqnr > 0 else "\N{EN DASH}", bar=1.0 if spread.sqnr > 0 else None
        )
    return Cell(f"{spread.sqnr:.1f} dB", bar=min(max(spread.sqnr / FULL_SQNR, 0.0), 1.0))


def _costs(one: Costing) -> Table:
    most = max((layer.mean or 0.0 for layer in one.layers), default=0.0) or 1.0
    total = sum(layer.mean or 0.0 for layer in one.layers) or 1.0
    rows = tuple(
        cells(
            layer.node, layer.module, layer.kernel,
            Cell(count(layer.mean), bar=(layer.mean or 0.0) / most),
            "\N{EN DASH}" if layer.mean is None else percent(layer.mean, total, 1),
            count(layer.worst), count(layer.flash), count(layer.stack), count(layer.ram),
        )
        for layer in one.layers
    )  # fmt: skip
    last = cells(
        "all layers and the call", "", "", count(one.mean), "", count(one.worst),
        count(one.flash), count(one.stack), count(one.ram),
    )  # fmt: skip
    titles = (
        "layer", "module", "kernel", f">{one.unit}, mean", ">of all", ">worst", ">table bytes",
        ">stack", ">scratch",
    )  # fmt: skip
    caption = f"{one.target}, priced for {one.compiler}; zeros counted {one.rows}"
    return Table(caption, columns(*titles), rows, last)
