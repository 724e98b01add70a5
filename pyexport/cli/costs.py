"""What `inspect --cost` prints: instructions or cycles of every layer, by the target's table."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from pyexport.artifact import Artifact
from pyexport.cli.common import out, plain_table, say
from pyexport.costing import Costing, costing
from pyexport.errors import UsageError
from pyexport.kernel_choice import observed
from pyexport.targets import TARGETS, get_target
from pyexport.targets.costs import read_costs
from pyexport.untrusted import printable

MOST_STEPS = 10  # that are listed


def costings(artifact: Artifact, target: str | None) -> tuple[Costing, ...]:
    """Return the costs on one target, or on every target that has a table.

    Raises UsageError for a target without a table.
    """
    name = target or artifact.target
    shares = observed(artifact)
    if name is not None:
        get_target(name)
        if read_costs(name) is None:
            known = [one.name for one in TARGETS if read_costs(one.name) is not None]
            raise UsageError(
                f"--cost: nobody measured kernels on {name}; targets with a table: "
                f"{', '.join(known)}"
            )
        return (costing(artifact, name, shares),)
    tables = [one.name for one in TARGETS if read_costs(one.name) is not None]
    return tuple(costing(artifact, one, shares) for one in tables)


def costs_document(found: tuple[Costing, ...]) -> list[dict[str, Any]]:
    """Return the JSON of the costs, one entry a target."""
    return [one.as_json() for one in found]


def print_costs(found: tuple[Costing, ...]) -> None:
    """Print the layers on one target, or the totals on several."""
    say("")
    if len(found) > 1:
        _print_targets(found)
        return
    (one,) = found
    table = plain_table("layer", "~module", "kernel", ">mean", ">worst", ">flash", ">stack", ">RAM")
    for layer in one.layers:
        table.add_row(
            layer.node, Text(printable(layer.module)), layer.kernel, _count(layer.mean),
            _count(layer.worst), f"{layer.flash:,}", _count(layer.stack), f"{layer.ram:,}",
        )  # fmt: skip
    table.add_row(
        "total", "", "", _count(one.mean), _count(one.worst), f"{one.flash:,}", _count(one.stack),
        f"{one.ram:,}",
    )  # fmt: skip
    out.print(table)
    say(
        f"\n{one.unit} of one inference on {one.target}, built by {one.compiler}; mean: with as"
        f"\nmany bytes of 0, and spikes, as {one.rows}; worst: no 0, every spike."
        "\nflash: bytes of tables, without code; stack: the most that a measured network with"
        "\nthis kernel took, beside the scratch; RAM: bytes of scratch"
    )
    for layer in one.layers:
        if layer.fires is not None:
            say(_fired(layer.node, layer.fires))
    for layer in one.layers:
        if layer.mean is None:
            say(f"nobody measured {layer.kernel} on {one.target} for shapes like {layer.node}")


def _fired(node: str, shares: tuple[float, ...]) -> str:
    """Return how often neurons fire, or inputs have an event, in the steps."""
    steps = [f"{100 * share:.1f}" for share in shares]
    if len(steps) > MOST_STEPS:
        each = f"{min(shares) * 100:.1f} to {max(shares) * 100:.1f} % in each of {len(steps)} steps"
    else:
        each = f"step by step {', '.join(steps)} %"
    return f"{node} makes a spike in {100 * sum(shares) / len(steps):.1f} % of its places: {each}"


def _print_targets(found: tuple[Costing, ...]) -> None:
    table = plain_table("target", ">mean", ">worst", "unit", ">flash", ">stack", ">RAM", "compiler")
    for one in found:
        table.add_row(
            one.target, _count(one.mean), _count(one.worst), one.unit, f"{one.flash:,}",
            _count(one.stack), f"{one.ram:,}", one.compiler,
        )  # fmt: skip
    out.print(table)
    say(
        f"\nof one inference; mean: with as many bytes of 0 as {found[0].rows}; worst: without any."
        "\n--target NAME lists the layers"
    )


def _count(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
