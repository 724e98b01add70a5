"""Bugs planted in the C of spiking layers: suites must notice all, the self-test stale states."""

from __future__ import annotations

import re
from pathlib import Path

from pyexport.errors import CheckFailedError
from pyexport.pipeline import ExportOptions, export_model
from pyexport.runners import open_runner
from pyexport.verify import subject_from_header
from pyexport.verify.killing import Killing, kill_all
from pyexport.verify.mutants import Mutant
from pyexport.verify.spiking_mutants import SPIKING_MUTANTS
from pyexport.verify.subject import Subject
from pyexport.verify.suites import DEFAULT_SUITES, SuiteOptions, build_suites
from scripts.evidence_topics.figures import Context, Figure, markdown_table
from scripts.spiking_models import bench_model

STREAMED = ("rate", "delta")  # one step a call
SHORT = ("direct",)
NETWORKS = {
    "rate": "rate encoding, shift leak, delayed subtraction, spike count; one step a call",
    "latency": "latency, leak of 15 bits, hard reset in the same step, refractory, first spike",
    "direct": "direct current, membranes of 32 bits, spike count",
    "delta": "delta, synaptic current, subtraction at once, mean membrane; one step a call",
}


def planted(context: Context) -> tuple[Figure, ...]:
    """Plant every bug in the header of its network, and count who notices it."""
    chosen = SHORT if context.short else tuple(SPIKING_MUTANTS)
    lines, killings, stale, passed = [], list[Killing](), 0, list[str]()
    for network in chosen:
        context.say(network)
        subject = _exported(context.folder / f"planted-{network}", network)
        mutants = SPIKING_MUTANTS[network]
        options = SuiteOptions(random=600, corners=300)
        suites = build_suites(subject.artifact, (*DEFAULT_SUITES, "boundary"), options)
        found = kill_all(subject, mutants, suites)
        killings += found
        by = [
            str(sum(name in k.by for k in found)) if any(s.name == name for s in suites) else "-"
            for name in (*DEFAULT_SUITES, "boundary")
        ]
        lines.append(
            (NETWORKS[network], str(len(mutants)), str(sum(bool(k.by) for k in found)), *by)
        )
        for mutant in mutants:
            if re.search("stale|kept from", mutant.name):
                stale += 1
                passed += [mutant.name] if _passes(subject, mutant) else []
    missed = [k.name for k in killings if not k.by]
    header = ("network", "bugs", "noticed", *DEFAULT_SUITES, "boundary")
    figures = [
        Figure(
            "planted bugs in lif, encode, readout",
            "all killed" + " (those of one network: short form)" * context.short,
            f"{len(killings) - len(missed)} of {len(killings)} killed{_list(missed)}",
            not missed,
            markdown_table(header, lines),
        )
    ]
    if stale:
        figures.append(
            Figure(
                "stale states between inferences: membranes, currents, counts, encoders",
                "the self-test kills all",
                f"{stale - len(passed)} of {stale} killed{_list(passed)}",
                not passed,
            )
        )
    return tuple(figures)


def _exported(folder: Path, network: str) -> Subject:
    folder.mkdir(parents=True, exist_ok=True)
    options = ExportOptions("net", stream=network in STREAMED)
    export_model(bench_model(network), options).write(folder)
    return subject_from_header(folder / "net.h")


def _passes(subject: Subject, mutant: Mutant) -> bool:
    """Return whether the self-test of a header with the bug passes."""
    folder = subject.header.parent / "stale"
    folder.mkdir(exist_ok=True)
    header = folder / subject.header.name
    header.write_text(mutant.plant(subject.header.read_text(encoding="utf-8")), encoding="utf-8")
    try:
        return open_runner("host", header, subject.interface, shown=mutant.name).selftest()
    except CheckFailedError:
        return False


def _list(names: list[str]) -> str:
    return f"; not: {', '.join(names)}" if names else ""
