"""The main job on real input: train digits, export, run on emulated chips, compare, report."""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pyexport
from pyexport.artifact import Artifact, read_artifact
from pyexport.report.page.comparing import ReportOptions
from pyexport.report.page.gather import gather
from pyexport.report.page.render import render_page
from pyexport.report.page.saved import Saved
from pyexport.runners import available
from pyexport.verify import Report, TargetReport
from pyexport.verify.document import report_document

SCRIPTS = Path(__file__).resolve().parent
CHIPS = ("cortex-m4", "cortex-m0", "rv32imc")
AVR = "atmega328p"
RANDOM_ROWS = 1_000

console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    report: TargetReport
    artifact: Artifact


def main() -> int:
    """Run the demo; returns 1 if a byte differs, 0 otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=default_folder())
    parser.add_argument("--model", type=Path, help="a model that was trained before")
    arguments = parser.parse_args()
    folder: Path = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    model: Path = arguments.model or train(folder / "model.pt")
    step("export", f"{model} -> {folder / 'digits.h'}")
    run("export.py", str(model), "--name", "digits", "--output", str(folder))
    targets = [*CHIPS]
    missing = available(AVR)
    if missing is None:
        targets.append(AVR)
    with console.status("compiling") as status:
        report = pyexport.verify(
            folder / "digits.h",
            targets,
            ("dataset", "random"),
            random_rows=RANDOM_ROWS,
            progress=lambda target, what: status.update(f"{target}: {what}"),
        )
    print_table(report, read_artifact(folder / "digits.px"))
    if missing is not None:
        console.print(f"{AVR} was left out: {missing}", markup=False)
    for problem in report.problems:
        console.print(f"MISMATCH {problem}", markup=False)
    write_report(folder, model, report, {} if missing is None else {AVR: missing})
    return 0 if report.ok else 1


def write_report(folder: Path, model: Path, report: Report, left_out: dict[str, str]) -> None:
    """Write the page about the export; what was just compared is not run again."""
    document = report_document(report, left_out)
    saved = Saved(document, files={"verification": "the run that the demo printed"})
    with console.status("generating inputs, hunting disagreements") as status:
        material = gather(
            folder / "digits.h",
            ReportOptions(model=model, saved=saved),
            lambda what, done, of: status.update(what),
        )
    page = folder / "digits.report.html"
    page.write_text(render_page(material), encoding="utf-8")
    console.print(f"[bold]report[/bold]   {page}: open it in a browser", soft_wrap=True)


def default_folder() -> Path:
    """Return build/demo of the checkout, in the short form where that works."""
    folder = SCRIPTS.parent / "build" / "demo"
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def train(path: Path) -> Path:
    """Train the digits model, unless it was trained before; returns its path."""
    if path.exists():
        step("train", f"{path} is there already; delete it to train again")
    else:
        step("train", "8x8 digits, 64-32-16-10, PyTorch")
        run("train_digits.py", "--output", str(path))
    return path


def run(script: str, *arguments: str) -> None:
    """Run one of the scripts beside this one; its failure ends the demo."""
    done = subprocess.run([sys.executable, str(SCRIPTS / script), *arguments])
    if done.returncode != 0:
        sys.exit(done.returncode)


def step(name: str, text: str) -> None:
    """Say what happens next."""
    console.print(f"[bold]{name:<8}[/bold] {text}")


def print_table(report: Report, artifact: Artifact) -> None:
    """Print one line a target: what it costs, and what was compared."""
    float_share, int8_share = accuracies(artifact)
    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = ("flash", "RAM", "stack", "instructions", "float", "int8", "compared", "mismatches")
    table.add_column("target", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("compiler", overflow="fold")
    for target in report.targets:
        cost = target.measurement
        if cost is None:  # only the host has none, and it is no target here
            continue
        table.add_row(
            target.target,
            f"{cost.flash_bytes} B",
            f"{cost.ram_static_bytes} B",
            f"{cost.stack_bytes} B",
            f"{cost.count_mean:,.0f}" + (" cycles" if cost.unit == "cycles" else ""),
            float_share,
            int8_share,
            f"{target.output_bytes + 4 * target.accumulators:,} B",
            str(target.differing_rows),
            target.compiler,
        )
    rows = report.targets[0].rows
    console.print()
    console.print(table)
    console.print(
        f"\n{rows} inputs a target (test images and {RANDOM_ROWS} random ones): every output byte "
        "and every accumulator against the simulator; RAM is static, stack holds scratch",
    )


def accuracies(artifact: Artifact) -> tuple[str, str]:
    """Return the shares of right classes on the test images, of the float and the int8 model."""
    accuracy = artifact.accuracy
    if accuracy is None:
        return "", ""
    shares = np.array([accuracy.float_correct, accuracy.exported_correct]) / accuracy.rows
    return f"{100 * shares[0]:.2f} %", f"{100 * shares[1]:.2f} %"


if __name__ == "__main__":
    sys.exit(main())
