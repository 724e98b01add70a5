"""pyexport hunt: legal inputs on which a model and its export differ most, and why."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from pyexport.cli.common import InputRangeOption, JsonOption, out, plain_table, print_json, say
from pyexport.cli.making import (
    ArtifactOption,
    OutputOption,
    PicturesOption,
    RowsOption,
    SeedOption,
    ShapeOption,
    percent,
    progress_bar,
    read_model,
    rows_of,
    say_written,
    write_and_say,
)
from pyexport.cli.reading import PLAIN, Reading, reads_model
from pyexport.errors import UsageError
from pyexport.gradients import of_graph
from pyexport.ir import Array, Dataset, Model
from pyexport.layout import to_user
from pyexport.pairing import load_pair
from pyexport.report.hunted import hunt_files
from pyexport.report.shapes import shape_of
from pyexport.verify.cause import Cause, Share, count_causes, parting
from pyexport.verify.causes import gap_shares
from pyexport.verify.gaps import Gap
from pyexport.verify.hunting import Hunt, HuntOptions, hunt, widest_gap
from pyexport.verify.pair import Pair


@dataclass(frozen=True, eq=False)
class _Recalibrated:
    """An export whose ranges the finds widened."""

    pair: Pair
    gap: Gap
    rows: Array  # real, in the user's order: old calibration rows and finds


@reads_model
def hunt_command(
    model: Annotated[Path, typer.Argument(help="The model file that was, or will be, exported.")],
    artifact: ArtifactOption = None,
    input_range: InputRangeOption = None,
    output: OutputOption = Path("hunted"),
    rows: RowsOption = None,
    wanted: Annotated[int, typer.Option(help="Distinct disagreements to find, at least.")] = 1_000,
    steps: Annotated[int, typer.Option(help="Steps of gradient ascent on the gap.")] = 150,
    random: Annotated[
        int, typer.Option(help="Uniform random inputs to measure the hunt against; 0: none.")
    ] = 200_000,
    recalibrate: Annotated[
        bool, typer.Option("--recalibrate", help="Widen ranges with the finds; before and after.")
    ] = False,
    seed: SeedOption = 0,
    shape: ShapeOption = None,
    pictures: PicturesOption = True,
    reading: Reading = PLAIN,
    json: JsonOption = False,
) -> None:
    """Find inputs to which float model and export give other classes, and their largest gap."""
    options = HuntOptions(wanted, steps=steps, random=random, seed=seed)
    with progress_bar(json) as report:
        source, ranges = read_model(model, reading, artifact, input_range)
        pair, _ = load_pair(source, artifact, **ranges)
        drawn = shape_of(pair.artifact, shape)
        known, _ = rows_of(pair, rows)
        found = hunt(pair, known, options, report)
        shares = gap_shares(pair, found.gap.row, found.gap.output)
        again = None
        if recalibrate:
            again = _recalibrated(source, pair, found, known, options, ranges)
        calibration = None if again is None else again.rows
        files = hunt_files(pair, found, drawn, pictures, calibration)
    paths = write_and_say(output, files)
    if json:
        print_json(_document(pair, found, shares, again, paths))
        return
    _print(pair, found, shares)
    if again is not None:
        _print_recalibrated(pair, found, again)
    say_written(paths)


def _recalibrated(
    source: Model,
    pair: Pair,
    found: Hunt,
    known: Array,
    options: HuntOptions,
    ranges: dict[str, Any],
) -> _Recalibrated:
    """Export again with the finds among the calibration rows, and hunt for the gap again."""
    old = source.metadata.calibration
    if old is None:
        raise UsageError(
            f"{source.metadata.source_name}: its ranges are bounds over the declared input range, "
            "which no row can widen; --recalibrate is for a model that was calibrated with data"
        )
    new = to_user(pair.real(found.gap.worst), pair.artifact.graph.input)
    rows = np.concatenate([old.inputs, new.reshape(len(new), *old.inputs.shape[1:])])
    per_channel = "--per-tensor" not in pair.artifact.options
    after, _ = load_pair(source, calibration=Dataset(rows), per_channel=per_channel, **ranges)
    return _Recalibrated(after, widest_gap(after, of_graph(after.graph), known, options), rows)


def _print(pair: Pair, found: Hunt, shares: tuple[Share, ...]) -> None:
    table = plain_table("search", ">inputs tried", ">disagreements", ">a second", ">largest gap")
    hunted, chance = found.found, found.random_found
    table.add_row(
        "hunt", f"{hunted.tried:,}", f"{len(hunted.rows):,}", f"{hunted.rate:,.0f}",
        f"{found.gap.size:.4g}",
    )  # fmt: skip
    if chance is not None and found.random_gap is not None:
        table.add_row(
            "uniform random", f"{chance.tried:,}", f"{len(chance.rows):,}",
            f"{chance.rate:,.0f}", f"{found.random_gap.size:.4g}",
        )  # fmt: skip
    out.print(table)
    if found.causes:
        say("\nwhat makes them disagree:")
    for cause, count in count_causes(found.causes):
        when = parting(cause, found.causes)
        more = "" if when is None else f": {when.sentence()}"
        say(f"  {percent(count / len(found.causes)):>7}  {cause.sentence()}{more}")
    if len(found.small.rows):
        nearest = int(np.argmin(found.small.distance))
        say(
            f"nearest to a known row: L2 distance {found.small.distance[nearest]:.3g}, float "
            f"{pair.labels[found.small.float_classes[nearest]]}, {pair.artifact.scheme} "
            f"{pair.labels[found.small.integer_classes[nearest]]}"
        )
    gap = found.gap
    say(
        f"\nlargest gap: output {pair.labels[gap.output]} is {gap.float_value:.4g} in float, "
        f"{gap.integer_value:.4g} in {pair.artifact.scheme}{_in_steps(pair, gap.size)}"
    )
    if not shares:
        say("  no layer is named: those of both models do not match")
    for share in shares:
        if abs(share.change) >= 0.005 * gap.size:
            place = f'{share.node} "{share.source}"' if share.source else share.node
            say(f"  {share.change:+9.4g}  {place}, of that {share.by_limits:+.4g} by its limits")


def _print_recalibrated(pair: Pair, found: Hunt, again: _Recalibrated) -> None:
    table = plain_table("calibration", ">rows", ">largest gap", ">accuracy")
    rows = pair.artifact.calibration.rows, again.pair.artifact.calibration.rows
    for name, count, gap, one in (
        ("as it was", rows[0], found.gap, pair),
        ("with the finds", rows[1], again.gap, again.pair),
    ):
        right = one.artifact.accuracy
        share = "" if right is None else percent(right.exported_correct / right.rows)
        table.add_row(name, str(count), f"{gap.size:.4g}", share)
    say("")
    out.print(table)
    say(f"to keep it: pyexport export --calibration {pair.artifact.name}-calibration.npz")


def _in_steps(pair: Pair, gap: float) -> str:
    quant = pair.artifact.graph.output.quant
    return "" if quant is None else f" ({gap / quant.scale:.0f} output steps)"


def _document(
    pair: Pair,
    found: Hunt,
    shares: tuple[Share, ...],
    again: _Recalibrated | None,
    paths: list[str],
) -> dict[str, Any]:
    chance = None
    if found.random_found is not None and found.random_gap is not None:
        chance = _search_document(found.random_found, found.random_gap)
    return {
        "name": pair.artifact.name,
        "identity": pair.artifact.identity,
        "hunt": _search_document(found.found, found.gap),
        "random": chance,
        "causes": [
            _cause_document(cause, count, found.causes)
            for cause, count in count_causes(found.causes)
        ],
        "gap": {
            "output": found.gap.output,
            "float": found.gap.float_value,
            "integer": found.gap.integer_value,
            "layers": [
                {"node": s.node, "source": s.source, "change": s.change, "by_limits": s.by_limits}
                for s in shares
            ],
        },
        "nearest_distance": float(found.small.distance.min()) if len(found.small.rows) else None,
        "recalibrated": None
        if again is None
        else {"largest_gap": again.gap.size, "rows": len(again.rows)},
        "files": paths,
    }


def _cause_document(cause: Cause, count: int, found: tuple[Cause, ...]) -> dict[str, Any]:
    words = {"node": cause.node, "source": cause.source, "clips": cause.clips, "rows": count}
    when = parting(cause, found)
    if when is None:
        return words
    distance = None if np.isnan(when.distance) else when.distance
    return {**words, "steps": dict(when.steps), "distance": distance}


def _search_document(found: Any, gap: Gap) -> dict[str, Any]:
    return {
        "tried": found.tried,
        "disagreements": len(found.rows),
        "a_second": found.rate,
        "largest_gap": gap.size,
    }
