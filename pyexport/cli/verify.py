"""pyexport verify: runs a header on the host and on emulated chips and compares every bit."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

import pyexport
from pyexport.artifact import Artifact, read_artifact
from pyexport.cli.common import JsonOption, err, out, plain_table, print_json, say
from pyexport.errors import CheckFailedError, UsageError
from pyexport.frontends.port_samples import read_port_samples
from pyexport.input_ranges import artifact_ports, sample_ports
from pyexport.ir import Dataset
from pyexport.rows import output_tensors, row_size
from pyexport.runners import RUNNER_NAMES, available
from pyexport.sniff_artifact import is_artifact
from pyexport.verify import DEFAULT_SUITES, BoardReport, Report, TargetReport
from pyexport.verify.document import report_document


def verify_command(
    subject: Annotated[
        Path, typer.Argument(help="NAME.h (that file, NAME.px beside it), NAME.px or a model file.")
    ],
    target: Annotated[
        list[str] | None,
        typer.Option(help="Target to run on, repeatable; all: every one that runs here."),
    ] = None,
    suite: Annotated[str, typer.Option(help="Suites of inputs, separated by commas.")] = ",".join(
        DEFAULT_SUITES
    ),
    thorough: Annotated[
        bool, typer.Option("--thorough", help="All suites that this model can have.")
    ] = False,
    vectors: Annotated[
        int | None,
        typer.Option(help="Rows of all suites together; they are thinned to that many."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="The model file that it was exported from: float gradients make rows."),
    ] = None,
    dataset: Annotated[
        Path | None, typer.Option(help="Real rows for the dataset suite instead of stored ones.")
    ] = None,
    random: Annotated[
        int | None, typer.Option(help="Rows of the random suite; default 10000, 1000 on a chip.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random suites.")] = 0,
    compiler: Annotated[
        str | None, typer.Option(help="zig, gcc, clang or a cross compiler; default: the target's.")
    ] = None,
    optimize: Annotated[
        str | None, typer.Option(help="-Os or -O2; default: the target's own level.")
    ] = None,
    port: Annotated[
        str | None,
        typer.Option(help="Also ask a board: its serial port, or socket://HOST:PORT."),
    ] = None,
    patience: Annotated[
        float | None, typer.Option(help="Seconds that a board may take to answer; default 10.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Compare a header with the simulator on chosen targets: outputs, classes and accumulators."""
    if patience is not None and port is None:
        raise UsageError("--patience is for a board; name its port with --port")
    targets, left_out = _targets(target or [])
    for line in left_out.values():
        err.print(f"left out: {line}", markup=False)
    rows = None if dataset is None else read_rows(dataset, subject)
    no_suite: dict[str, str] = {}
    with err.status("starting") as status:
        report = pyexport.verify(
            subject,
            targets,
            tuple(suite.split(",")),
            compiler=compiler,
            optimize=optimize,
            seed=seed,
            random_rows=random,
            dataset=rows,
            progress=lambda name, what: status.update(f"{name}: {what}"),
            port=port,
            patience=patience,
            thorough=thorough,
            vectors=vectors,
            model=model,
            left_out=no_suite,
        )
    for name, line in no_suite.items():
        err.print(f"left out: suite {name}: {line}", markup=False)
    if json:
        print_json(report_document(report, left_out))
    else:
        _print(report)
    if report.interrupted:
        raise KeyboardInterrupt  # what was compared before it is told; the status is that of Ctrl-C
    if not report.ok:
        more = len(report.problems) - 1
        also = f" (and {more} more)" if more else ""
        raise CheckFailedError(f"{subject}: {report.problems[0]}{also}")


def _targets(names: list[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the targets to run on, and why each other one that "all" stands for is left out."""
    for name in names:
        if name not in ("all", *RUNNER_NAMES):
            raise UsageError(
                f"target {name!r} is unknown; use all or some of {', '.join(RUNNER_NAMES)}"
            )
    if "all" not in names:
        return tuple(dict.fromkeys(names)), {}
    problems = {name: available(name) for name in RUNNER_NAMES}
    left_out = {
        name: line if line.startswith(name) else f"{name}: {line}"
        for name, line in problems.items()
        if line is not None
    }
    return tuple(name for name in RUNNER_NAMES if name not in left_out), left_out


def read_rows(path: Path, subject: Path) -> Dataset:
    """Return rows for a header, an artifact or a model file, as its inputs are called there."""
    source = subject.with_suffix(".px") if subject.suffix == ".h" else subject
    model = read_artifact(source) if is_artifact(source) else pyexport.load(subject)
    stated = model.statements if isinstance(model, Artifact) else model.metadata.statements
    values = row_size(output_tensors(model.graph)) if stated.is_regression else None
    ports = artifact_ports(model) if isinstance(model, Artifact) else sample_ports(model)
    return read_port_samples(path, ports, "dataset", values)


def _print(report: Report) -> None:
    artifact = report.artifact
    say(f"{artifact.name}  identity {artifact.identity}")
    compared = plain_table("target", ">rows", ">bytes", ">accumulators", ">differ")
    for target in report.targets:
        compared.add_row(
            target.target, str(target.rows), str(target.output_bytes), str(target.accumulators),
            str(target.differing_rows),
        )  # fmt: skip
    out.print(compared)
    say("")
    out.print(_costs(report))
    for target in report.targets:
        if target.board is not None:
            _print_board(target, target.board)
    checks = [finding for target in report.targets for finding in target.findings]
    checks += report.findings
    held = sum(finding.ok for finding in checks)
    names = sorted({finding.name for finding in checks if finding.ok})
    if checks:
        say(f"\nstatic checks: {held} of {len(checks)} hold ({', '.join(names)})")
    else:
        say("")
    ends = {
        f"{target.target}: {target.problems[-1]}" for target in report.targets if target.cut_off
    }
    for problem in report.problems:
        say(f"{'CUT OFF' if problem in ends else 'MISMATCH'} {problem}")
    for target in report.targets:
        if target.explanation is not None:
            for line in target.explanation.lines:
                say(f"  {target.target}: {line}")
    if report.ok:
        say(_conclusion(report))


def _print_board(target: TargetReport, board: BoardReport) -> None:
    """Say what a board told of itself and of the line; outputs and classes are in the table."""
    say(f"\n{target.target} at {board.port}")
    cycles = "it counts no cycles"
    if board.timing is not None:
        t = board.timing
        cycles = (
            f"{t.count_mean:.0f} cycles, {t.count_min} to {t.count_max}; "
            f"{1000 * t.count_mean / t.clock_hz:.3f} ms at {t.clock_hz / 1e6:g} MHz"
        )
    say(f"  inference  {cycles}")
    if board.free_ram is not None:
        say(f"  RAM        {board.free_ram} bytes were never used")
    c = board.counts
    say(
        f"  link       {c.answered} of {c.asked} questions answered; {c.resent} sent again, "
        f"{c.damaged} damaged frames, {c.restarts} restarts"
    )
    say("  not asked  accumulators, flash and stack: a board cannot tell them")


def _conclusion(report: Report) -> str:
    """Return what was compared and where, nothing more."""
    compared = ["output"]
    if any(target.classes for target in report.targets):
        compared.append("class")
    if any(target.accumulators for target in report.targets):
        compared.append("accumulator")
    names = [target.target for target in report.targets]
    where = f"{_listed(names)} only" if len(names) == 1 else _listed(names)
    return f"every {_listed(compared)} agrees on {where}; self-tests pass"


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _costs(report: Report) -> Table:
    """Return the table of compilers, with the cost of an inference if a chip is among the targets.

    Nothing is measured on this computer, which is no chip.
    """
    if all(target.measurement is None for target in report.targets):
        table = plain_table("target", "~compiler")
        for target in report.targets:
            table.add_row(target.target, target.compiler)
        return table
    table = plain_table("target", ">flash", ">RAM", ">stack", ">mean of an inference", "~compiler")
    for target in report.targets:
        m = target.measurement
        figures = ("", "", "", "")
        if m is not None:
            sizes = (str(m.flash_bytes), str(m.ram_static_bytes), str(m.stack_bytes))
            figures = (*sizes, f"{m.count_mean:.0f} {m.unit}")
        table.add_row(target.target, *figures, target.compiler)
    return table
