"""The same inputs on every emulated chip; what was compared is stored, so a long run resumes."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pyexport.errors import DoesNotFitError
from pyexport.fitting import check_fits
from pyexport.gradients import of_graph
from pyexport.ir import Array
from pyexport.lower import lower
from pyexport.pairing import firmware, load_pair
from pyexport.runners import RUNNER_NAMES, target_of
from pyexport.verify import Suite, SuiteOptions, build_suites
from pyexport.verify.compare import compare_suite, simulate_suite
from pyexport.verify.hunt import hunt_classes
from pyexport.verify.pair import Pair
from pyexport.verify.suites import known_boundary
from scripts.evidence_topics.figures import Context, Figure, markdown_table
from scripts.evidence_topics.hunting_networks import DIGITS, Network

BLOCK = 2_500  # rows that are compared before what was found is stored
# With the header and the rows, what a result depends on.
SOURCES = (
    "firmware/harness",
    "pyexport/runners",
    "pyexport/simulator",
    "pyexport/integer",
    "pyexport/targets",
    "pyexport/verify/compare.py",
)


@dataclass(frozen=True)
class _Compared:
    """What one chip gave for the first rows."""

    chip: str
    fits: bool = True
    rows: int = 0
    accumulators: int = 0
    differing: int = 0

    @property
    def cells(self) -> tuple[str, ...]:
        """A line of the table."""
        if not self.fits:
            return self.chip, "does not fit", "", ""
        return self.chip, f"{self.rows:,}", f"{self.accumulators:,}", str(self.differing)


def chips(context: Context, network: Network = DIGITS) -> tuple[Figure, ...]:
    """Compare the same inputs on every emulated chip, outputs, classes and sums."""
    path = network.trained(context)
    pair, made = load_pair(path)
    count = 300 if context.short else network.on_chips
    rows = _rows(pair, count)
    key = hashlib.sha256(made.header.encode() + rows.tobytes())
    for place in SOURCES:
        whole = context.root / place
        for file in [whole] if whole.is_file() else sorted(whole.rglob("*.[chp]*")):
            if file.is_file() and "__pycache__" not in file.parts:
                key.update(file.read_bytes())
    names = [name for name in RUNNER_NAMES if target_of(name).is_chip]
    names = names[:1] if context.short else names
    stores = [context.folder / f"chips-{key.hexdigest()[:12]}-{name}.json" for name in names]
    results = []
    with ProcessPoolExecutor(
        min(os.cpu_count() or 1, len(names)), multiprocessing.get_context("spawn")
    ) as pool:
        jobs = [pool.submit(_compare, path, rows, *job) for job in zip(names, stores, strict=True)]
        for name, job in zip(names, jobs, strict=True):
            results.append(job.result())
            context.say(f"{len(rows)} inputs on {name}: {results[-1].differing} differ")
    ran = [result for result in results if result.fits]
    differing = sum(result.differing for result in ran)
    small = [result.chip for result in results if not result.fits]
    too_small = f"; it does not fit {' and '.join(small)}" if small else ""
    return (
        Figure(
            f"inputs compared on each emulated chip: outputs, classes, accumulators{network.title}",
            f"0 of {network.on_chips:,} differ",
            f"{differing} of {len(rows):,} differ on each of {len(ran)} chips{too_small}",
            differing == 0 and len(ran) > 0 and all(r.rows == len(rows) == count for r in ran),
            markdown_table(
                ("chip", "inputs", "accumulators", "differ"), [r.cells for r in results]
            ),
        ),
    )


def _rows(pair: Pair, count: int) -> Array:
    """Return rows that meet obligations, finds of a hunt, known rows and drawn ones."""
    samples = pair.artifact.samples
    assert samples is not None  # the training script stores its test images
    hunted = hunt_classes(pair, of_graph(pair.graph), samples.inputs, count // 4).rows
    owed = known_boundary(pair.artifact).rows.astype(samples.inputs.dtype)
    (drawn,) = build_suites(pair.artifact, ("random",), SuiteOptions(random=count))
    parts = (owed[: count // 4], hunted[: count // 4], samples.inputs[: count // 4], drawn.rows)
    return np.ascontiguousarray(np.concatenate(parts)[:count])


def _compare(path: Path, rows: Array, name: str, store: Path) -> _Compared:
    """Return what a chip gave; rows that were compared before are not run again."""
    result = _Compared(name)
    if store.exists():
        result = _Compared(**json.loads(store.read_text(encoding="utf-8")))
    if result.rows == len(rows) or not result.fits:
        return result
    for known in _blocks(path, rows, result):
        store.write_text(json.dumps(asdict(known)), encoding="utf-8")
        result = known
    return result


def _blocks(path: Path, rows: Array, done: _Compared) -> Iterator[_Compared]:
    """Return what is known after each block."""
    pair, made = load_pair(path)
    artifact, chip = made.artifact, target_of(done.chip)
    try:
        check_fits(artifact.name, lower(artifact.graph, chip, artifact.choices), chip)
        with firmware(made, done.chip) as runner:
            for start in range(done.rows, len(rows), BLOCK):
                suite = Suite("chips", rows[start : start + BLOCK])
                found = compare_suite(
                    artifact, runner, suite, simulate_suite(pair.simulator, suite)
                )
                done = _Compared(
                    done.chip,
                    True,
                    done.rows + found.rows,
                    done.accumulators + found.accumulators,
                    done.differing + found.differing_rows,
                )
                yield done
    except DoesNotFitError:
        yield _Compared(done.chip, fits=False)
