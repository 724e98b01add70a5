"""Which planted bugs which suites notice, and whether what none notices changes anything at all."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pyexport.rows import output_tensors
from pyexport.runners import open_runner
from pyexport.simulator.fast import FastSimulator
from pyexport.verify.compare import (
    Expected,
    class_words,
    compare_suite,
    simulate_suite,
    tie_outputs,
)
from pyexport.verify.compare_units import compare_unit
from pyexport.verify.mutants import Mutant
from pyexport.verify.scan import scan_units
from pyexport.verify.subject import Subject
from pyexport.verify.suites import Suite
from pyexport.verify.units import make_units

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Killing:
    """One bug: the suites that notice it, and what the scan says of it if none does."""

    name: str
    by: frozenset[str]
    scanned: int = 0  # sums that were compared for a bug that no suite notices
    is_equivalent: bool = False  # its code gives the right bytes for each of them

    @property
    def is_live(self) -> bool:
        """Whether it can change anything: it was noticed, or the scan did not clear it."""
        return bool(self.by) or not self.is_equivalent


def kill_all(
    subject: Subject,
    mutants: Sequence[Mutant],
    suites: Sequence[Suite],
    progress: Progress = lambda name, done, of: None,
) -> tuple[Killing, ...]:
    """Return what the suites notice of each bug on this computer; outputs, classes and sums count.

    Layers alone are asked for what no suite of the whole model notices. What they do not notice
    either goes through the scan of all sums: only if every layer's code gives the right byte for
    each is it called equivalent.
    """
    simulator = FastSimulator(subject.artifact.graph, subject.artifact.steps)
    least = subject.artifact.least_yes
    known = {id(s.rows): simulate_suite(simulator, s, least) for s in suites if s.unit is None}
    text, killings = subject.header.read_text(encoding="utf-8"), []
    for number, mutant in enumerate(mutants):
        progress(mutant.name, number, len(mutants))
        with tempfile.TemporaryDirectory(prefix="pyexport-") as folder:
            header = Path(folder) / f"{subject.artifact.name}.h"
            header.write_text(mutant.plant(text), encoding="utf-8")
            killings.append(_kill(replace(subject, header=header), mutant, suites, known))
    return tuple(killings)


def _kill(
    subject: Subject, mutant: Mutant, suites: Sequence[Suite], known: dict[int, Expected]
) -> Killing:
    artifact = subject.artifact
    runner = open_runner("host", subject.header, subject.interface, shown=mutant.name)
    by = {
        suite.name
        for suite in suites
        if suite.unit is None
        and compare_suite(artifact, runner, suite, known[id(suite.rows)]).differing_rows
    }
    if by:
        return Killing(mutant.name, frozenset(by))
    units = make_units(subject, subject.header.parent)
    by_node = {unit.node: unit for unit in units}
    for suite in suites:
        if suite.unit is not None:
            unit = by_node[suite.unit.artifact.graph.nodes[0].name]
            if compare_unit(suite, unit, "host", None, None).differing_rows:
                return Killing(mutant.name, frozenset({suite.name}))
    scans = scan_units(subject, units, None, None)
    whole = {node.name for node in artifact.graph.nodes} == {scan.node for scan in scans}
    cleared = whole and all(not scan.wrong and scan.every == 1 for scan in scans)
    return Killing(mutant.name, frozenset(), sum(s.sums for s in scans), cleared and _ties(subject))


def _ties(subject: Subject) -> bool:
    """Return whether argmax is right for vectors with ties and extremes."""
    if not subject.interface.has_argmax:
        return True
    runner = open_runner("host", subject.header, subject.interface, shown=subject.shown)
    ties = tie_outputs(subject.artifact)
    ports = output_tensors(subject.artifact.graph)
    words = class_words(ties, subject.artifact.least_yes, ports)
    return bool((runner.argmax(ties) == words).all())
