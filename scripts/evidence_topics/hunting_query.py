"""An attack by questions alone, against a flashed Uno that answers over its serial line."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from pyexport.pairing import firmware, load_pair
from pyexport.pipeline import Export
from pyexport.project import install
from pyexport.runners import Runner, open_board
from pyexport.verify.goal import Goal
from pyexport.verify.oracle import Oracle
from pyexport.verify.pair import Pair, judge
from pyexport.verify.query import QueryOptions, query_attack
from pyexport.verify.starts import choose_starts
from pyexport.verify.subject import header_interface
from scripts.emulated_boards import copy_project, prepare_core
from scripts.evidence_topics.digits import trained
from scripts.evidence_topics.figures import Context, Figure, markdown_table

UNO = "uno_sim_arduino"
STARTS, QUESTIONS = 20, 500


def questions(context: Context) -> tuple[Figure, ...]:
    """Attack 20 starts, each with a class to reach, and only with what the board answers."""
    pair, exported = load_pair(trained(context))
    if context.short:  # the same search against the header on this computer: no firmware is built
        with firmware(exported) as runner:
            return (_figure(pair, runner, "the header on the host", 200),)
    context.say(f"building for {UNO}")
    with _flashed(exported) as runner:
        return (_figure(pair, runner, "an emulated Uno over its serial line", QUESTIONS),)


def _figure(pair: Pair, runner: Runner, what: str, most: int) -> Figure:
    samples = pair.artifact.samples
    assert samples is not None  # the training script stores its test images
    starts = choose_starts(pair, samples.inputs, samples.targets, count=STARTS)
    oracle, started = Oracle(runner, STARTS, most), time.perf_counter()
    shape = QueryOptions(most, shape=(8, 8))
    found = query_attack(Goal(pair, starts.targets), oracle, starts.rows, shape)
    seconds = time.perf_counter() - started
    verdicts = judge(pair, found.rows, runner)
    assert verdicts.firmware_classes is not None and found.queries is not None  # a runner judged
    reached = int((verdicts.firmware_classes == starts.targets).sum())
    by_simulator = int((verdicts.integer_classes == starts.targets).sum())
    asked = int(found.queries.sum())
    rows = [
        (f"{a} to {b}", str(n), f"{d:.1f}")
        for a, b, n, d in zip(
            starts.classes, starts.targets, found.queries, found.distance, strict=True
        )
    ]
    return Figure(
        "targeted attack that only asks for outputs",
        f"succeeds on {STARTS} of {STARTS} starts",
        f"{reached} of {STARTS} against {what}, on the simulator {by_simulator}; median L2 "
        f"{np.median(found.distance):.1f}; {asked:,} questions in {seconds:.0f} s",
        reached == by_simulator == STARTS and verdicts.wrong_rows == 0,
        (
            f"Nothing but outputs is used, of at most {most} inferences a start; the class to "
            "reach is another one for each, and no row of it is given.",
            "",
            *markdown_table(("start", "questions", "L2 distance"), rows),
        ),
    )


@contextmanager
def _flashed(exported: Export) -> Iterator[Runner]:
    """Build the firmware with a model, flash an emulated board through its bootloader, and ask."""
    with tempfile.TemporaryDirectory(prefix="pyexport-") as folder:
        project = copy_project(Path(folder) / "firmware", prepare_core(Path(folder) / "core"))
        install(exported, project.folder)
        interface = header_interface(exported.artifact, exported.program)
        with project.uploaded(UNO) as port:
            runner = open_board(port, interface, exported.artifact.identity)
            with closing(runner.link):
                yield runner
