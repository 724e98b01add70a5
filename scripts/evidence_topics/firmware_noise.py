"""Noise on the serial link: every question ends with the right answer or with a reported error."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pyexport.artifact import read_artifact
from pyexport.errors import LinkError
from pyexport.runners.link import PATIENCE
from pyexport.runners.messages import Ask
from pyexport.simulator.fast import FastSimulator, argmax
from scripts.evidence_topics.figures import Context, Figure, markdown_table
from scripts.link_fuzzer import build_fuzzer, run_fuzzer
from scripts.link_simulator import FIRMWARE, Device, Noise, build_device, open_simulated

EXAMPLE = FIRMWARE / "include" / "example" / "digits.px"
BIT_ERROR_RATES = (1e-5, 1e-4, 1e-3, 1e-2)
FRAMES = 1_000_000
SHORT_FRAMES = 20_000
FUZZ_RUNS = 1_000_000
SHORT_FUZZ_RUNS = 20_000
ROWS = 500
LONGEST = PATIENCE + 0.5  # seconds that a question may take: the link's patience and one wait


@dataclass(frozen=True)
class Tally:
    """What became of the questions that were asked through noise."""

    frames: int  # put on the line, by either side
    asked: int  # by the link's own counts, like `answered` and `errors`
    answered: int
    errors: int  # ended with a LinkError
    right: int  # answered, and the answer is what the simulator says
    wrong: int  # answered with anything else: silent corruption
    overdue: int  # took longer than LONGEST
    resent: int
    damaged: int  # frames that the host dropped
    dropped: int  # frames that the board dropped
    forged: int  # requests that the board took for whole although they were damaged
    unheard: int  # requests that reached the board whole and were not answered

    @property
    def corrupt(self) -> int:
        """Damage that nobody saw, in answers and in requests."""
        return self.wrong + self.forged

    @property
    def lost(self) -> int:
        """Questions without an answer or an error, or whose end came too late."""
        return self.asked - self.answered - self.errors + self.overdue


def ask_through(device: Device, noise: Noise, frames: int, seed: int) -> Tally:
    """Ask for predictions until so many frames were on the line."""
    inputs, expected = _questions()
    device.reset()
    link, line = open_simulated(device, noise, seed)
    before = replace(link.counts)
    right = wrong = overdue = number = 0
    while line.sent < frames:
        row = number % ROWS
        number += 1
        started = line.now
        try:
            body = link.ask(Ask.PREDICT, inputs[row])
        except LinkError:
            pass
        except Exception:  # neither an answer nor a reported error: the link's counts say so
            line.sent += 1  # it may have come before anything was sent
        else:
            good = body[: len(expected[row])] == expected[row]
            right, wrong = right + good, wrong + (not good)
        overdue += line.now - started > LONGEST
    after = replace(link.counts)
    line.noise = Noise()
    return Tally(
        frames=line.sent,
        asked=after.asked - before.asked,
        answered=after.answered - before.answered,
        errors=after.failed - before.failed,
        right=right,
        wrong=wrong,
        overdue=overdue,
        resent=after.resent,
        damaged=after.damaged,
        dropped=link.identify().dropped,
        forged=line.forged,
        unheard=line.unheard,
    )


def noise_figures(context: Context) -> tuple[Figure, ...]:
    """Return the figures of bit errors: corruption that nobody saw, questions that got lost."""
    frames = SHORT_FRAMES if context.short else FRAMES
    with tempfile.TemporaryDirectory() as folder:
        device = Device(build_device(Path(folder)))
        tallies = []
        for rate in BIT_ERROR_RATES:
            for only_answers in (False, True):
                context.say(
                    f"bit error rate {rate:g}, {'answers' if only_answers else 'both ways'}"
                )
                noise = Noise(bit_errors=rate, only_answers=only_answers)
                tallies.append((noise, ask_through(device, noise, frames, seed=1)))
    corrupt = sum(tally.corrupt for _, tally in tallies)
    lost = sum(tally.lost for _, tally in tallies)
    unheard = sum(tally.unheard for _, tally in tallies)
    dropped = sum(tally.damaged + tally.dropped for _, tally in tallies)
    rows = [
        (
            f"{noise.bit_errors:g}",
            "answers" if noise.only_answers else "both ways",
            *(
                f"{value:,}"
                for value in (t.frames, t.asked, t.right, t.errors, t.resent)
            ),
            f"{t.damaged + t.dropped:,}",
            f"{t.corrupt:,}",
        )
        for noise, t in tallies
    ]  # fmt: skip
    header = ("bit errors", "damage", "frames", "questions", "answered", "errors reported",
              "sent again", "frames dropped", "corrupt and unseen")  # fmt: skip
    details = (
        f"The firmware with its digits model and the host link, {frames:,} frames in each row. A "
        "question that is not answered within the link's patience ends with an error, which is "
        "what nearly all do at 1e-2: a request of 75 bytes arrives whole once in 400 times, and "
        "the answer must too.",
        "",
        *markdown_table(header, rows),
        "",
        f"A damaged frame passes its CRC-32 with a chance of about 2^-32: with {dropped:,} frames "
        f"dropped, {dropped / 2**32:.1g} would be expected to pass. (COBS spreads a bit error over "
        "many bits, so the distances that CRC-32 guarantees do not hold.) An answer also carries a "
        "CRC-32C, another polynomial, over identity, request and answer; both are passed by chance "
        "with 2^-64.",
    )
    return (
        Figure(
            "silent corruption at bit error rates 1e-5, 1e-4, 1e-3, 1e-2",
            "0",
            f"{corrupt} in {len(tallies)} x {frames:,} frames",
            corrupt == 0,
            details,
        ),
        Figure(
            f"questions without an answer or a reported error within {LONGEST:g} s",
            "0",
            f"{lost} of {sum(t.asked for _, t in tallies):,}",
            lost == 0,
        ),
        Figure(
            "requests that reach the board whole and are not answered",
            "0",
            f"{unheard}",
            unheard == 0,
        ),
    )


def fuzz_figures(context: Context) -> tuple[Figure, ...]:
    """Return what libFuzzer found in the firmware's side of the link."""
    runs = SHORT_FUZZ_RUNS if context.short else FUZZ_RUNS
    with tempfile.TemporaryDirectory() as folder:
        problem = run_fuzzer(build_fuzzer(Path(folder)), Path(folder), runs)
    what = "inputs of libFuzzer (ASan, UBSan) that lead the firmware's parser astray"
    found = f"{'1 or more' if problem else '0'} of {runs:,}"
    return (Figure(what, "0", found, not problem, tuple(problem.splitlines())),)


def _questions() -> tuple[list[bytes], list[bytes]]:
    """Return inputs, and for each the outputs and the class that an answer must begin with."""
    graph = read_artifact(EXAMPLE).graph
    rows = np.random.default_rng(0).integers(0, 17, (ROWS, 64)).astype(np.uint8)
    outputs = FastSimulator(graph).run(rows)
    classes = argmax(outputs).astype("<u2")
    expected = [
        outputs_of.tobytes() + class_of.tobytes()
        for outputs_of, class_of in zip(outputs, classes, strict=True)
    ]
    return [row.tobytes() for row in rows], expected
