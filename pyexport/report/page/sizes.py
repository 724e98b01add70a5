"""The section about memory: flash, RAM and stack, exact in the header and measured on chips."""

from __future__ import annotations

from pyexport.integer.facts import snn_facts
from pyexport.report.memory_svg import memory_svg
from pyexport.report.page.blocks import Cell, Table, cells, columns, count, percent
from pyexport.report.page.material import Material
from pyexport.report.page.section import Values


def sizes_values(material: Material) -> Values:
    """Return tables of the header's bytes, of the chips, and of the layers."""
    return {
        "tables": [_header(material), *_chips(material), _layers(material)],
        "plan": _plan(material),
    }


def ports(material: Material) -> tuple[int, int]:
    """Return the bytes of all inputs and of all outputs."""
    program = material.program
    taken, given = (
        sum(program.buffer(name).bytes for name in names)
        for names in (program.inputs, program.outputs)
    )
    return taken, given


def _header(material: Material) -> Table:
    program, (taken, given) = material.program, ports(material)
    rows = [
        cells("tables: weights, biases, multipliers", count(program.const_bytes), "flash"),
        cells(
            f"scratch; no plan needs fewer than {program.arena_lower_bound:,}",
            count(program.arena_bytes),
            "RAM, on the caller's stack",
        ),
        cells("input", count(taken), "RAM, the caller's"),
        cells("output", count(given), "RAM, the caller's"),
    ]
    if program.state_bytes:
        rows.insert(
            2, cells("state between steps", count(program.state_bytes), "RAM, the caller's")
        )
    return Table("Exact, as the header states it", columns("what", ">bytes", "where"), tuple(rows))


def _chips(material: Material) -> list[Table]:
    rows = []
    for t in material.verification["targets"]:
        cost = t["cost"]
        if cost is None:
            continue
        code = cost["flash_bytes"] - cost["parameters_bytes"]
        rows.append(
            cells(
                t["target"], count(cost["flash_bytes"]), count(cost["parameters_bytes"]),
                count(code), count(cost["ram_static_bytes"]), count(cost["stack_bytes"]),
                f"{cost['mean']:,.0f} {cost['unit']}", t["compiler"],
            )
        )  # fmt: skip
    titles = (
        "target", ">flash", ">of that tables", ">code", ">static RAM",
        ">stack with scratch", ">one inference, mean", "compiler",
    )  # fmt: skip
    caption = "Measured in an emulator: bytes of an image that only predicts, startup included"
    return [Table(caption, columns(*titles), tuple(rows))] if rows else []


SPIKES = "; of neurons that read spikes additions alone, if every input fires in every step"


def _layers(material: Material) -> Table:
    total = sum(row["flash_bytes"] for row in material.layers)
    most = max((row["flash_bytes"] for row in material.layers), default=0) or 1
    rows = [
        cells(
            row["node"], row["module"], row["operator"], count(row["inputs"]),
            count(row["outputs"]), count(row["parameters"]), count(row["macs"]),
            Cell(count(row["flash_bytes"]), bar=row["flash_bytes"] / most),
            percent(row["flash_bytes"], total, 1), count(row["ram_bytes"]), row["kernel"],
            str(row["accumulator_bits"] or "\N{EN DASH}"),
        )
        for row in material.layers
    ]  # fmt: skip
    titles = (
        "layer", "module", "operator", ">in", ">out", ">parameters", ">multiply-adds",
        ">table bytes", ">of all", ">scratch alive", "kernel", ">proved bits",
    )  # fmt: skip
    last = cells(
        "all layers", "", "", "", "", count(sum(r["parameters"] for r in material.layers)),
        count(sum(r["macs"] for r in material.layers)), count(total), "",
        count(material.program.arena_bytes), "", "",
    )  # fmt: skip
    spiking = snn_facts(material.artifact.graph) is not None
    return Table("By layer" + SPIKES * spiking, columns(*titles), tuple(rows), last)


def _plan(material: Material) -> str:
    if not material.picture.arena_bytes:
        return ""
    return memory_svg(material.picture, f"scratch of {material.artifact.name}")
