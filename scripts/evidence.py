"""Regenerates a table of published figures: python scripts/evidence.py TOPIC [--check] [--short].

Writes docs/evidence/TOPIC.md, and its table into the document that shows it too. A task that
finished on the same sources is not run again (the results lie in build/evidence), so a long run
that was interrupted resumes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.evidence_topics.figures import Context, Figure, Topic, page, shown
from scripts.evidence_topics.firmware import FIRMWARE
from scripts.evidence_topics.formats import FORMATS
from scripts.evidence_topics.hunting import HUNTING
from scripts.evidence_topics.kernels import KERNEL_COUNTS
from scripts.evidence_topics.operators import OPERATORS
from scripts.evidence_topics.scratch import SCRATCH
from scripts.evidence_topics.spiking import SPIKING
from scripts.evidence_topics.spine import SPINE

ROOT = Path(__file__).resolve().parent.parent
ALL = (FIRMWARE, FORMATS, HUNTING, KERNEL_COUNTS, OPERATORS, SCRATCH, SPIKING, SPINE)
TOPICS = {topic.name: topic for topic in ALL}
SOURCES = ("pyexport", "templates", "firmware", "scripts", "requirements", "tests/c")


def main() -> int:
    """Run one topic; returns 1 if --check was given and a figure misses its target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("topic", choices=sorted(TOPICS))
    parser.add_argument("--check", action="store_true", help="fail if a figure misses its target")
    parser.add_argument("--short", action="store_true", help="the part that CI runs; no page")
    parser.add_argument(
        "--stored", action="store_true", help="measure nothing: sum up what is known"
    )
    parser.add_argument("--fresh", action="store_true", help="measure again what is known")
    arguments = parser.parse_args()
    topic = TOPICS[arguments.topic]
    folder = ROOT / "build" / "evidence"
    folder.mkdir(parents=True, exist_ok=True)
    context = Context(ROOT, folder, arguments.short, say)
    figures = measure(topic, context, fresh=arguments.fresh, stored=arguments.stored)
    text = page(topic, figures, machine())
    print(text)
    missed = [f"{figure.what}: {figure.measured}" for figure in figures if not figure.ok]
    published = ROOT / "docs" / "evidence" / f"{topic.name}.md"
    if arguments.short:
        missed += unpublished(published, figures)
    else:
        published.write_text(text, encoding="utf-8")
        if topic.shown_in:
            document = ROOT / topic.shown_in
            old = document.read_text(encoding="utf-8")
            document.write_text(shown(topic, old, figures), encoding="utf-8")
    for what in missed:
        print(f"MISSED: {what}", file=sys.stderr)
    return 1 if missed and arguments.check else 0


def measure(topic: Topic, context: Context, *, fresh: bool, stored: bool = False) -> list[Figure]:
    """Return the figures of every task, those known for the same sources without running them.

    stored: of no task but those that sum up.
    """
    part = "short" if context.short else "full"
    path = context.folder / f"{topic.name}-{part}.json"
    known: dict[str, dict[str, Any]] = {}
    if path.exists() and not fresh:
        known = json.loads(path.read_text(encoding="utf-8"))
    figures: list[Figure] = []
    for task in topic.tasks:
        if stored and not task.sums_up:
            continue
        key = sources_hash(task.sources or SOURCES)
        if known.get(task.name, {}).get("sources") != key:
            say(task.name)
            before = cpu_seconds()
            measured = [figure.as_json() for figure in task.run(context)]
            if (used := cpu_seconds() - before) >= 0.1:
                say(f"{task.name}: {used:.1f} CPU seconds")
            known[task.name] = {"sources": key, "figures": measured}
            path.write_text(json.dumps(known), encoding="utf-8")
        figures += [Figure.from_json(document) for document in known[task.name]["figures"]]
    return figures


@cache
def sources_hash(places: tuple[str, ...]) -> str:
    """Return a hash of everything that a figure may depend on."""
    digest = hashlib.sha256()
    for place in places:
        whole = ROOT / place
        for path in [whole] if whole.is_file() else sorted(whole.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(ROOT)).encode() + b"\0")
                digest.update(path.read_bytes())
    return digest.hexdigest()


def unpublished(page_path: Path, figures: list[Figure]) -> list[str]:
    """Return what the published page lacks: a line for each figure, and none that fails."""
    if not page_path.exists():
        return [f"{page_path.name} is missing; run the topic without --short"]
    text = page_path.read_text(encoding="utf-8")
    missing = [f"the page has no line: {f.what}" for f in figures if f"| {f.what} |" not in text]
    failing = [line for line in text.splitlines() if line.endswith("| **NO** |")]
    return missing + [f"the page holds a figure that misses: {line}" for line in failing]


def cpu_seconds() -> float:
    """Return the user and system time of this process and of the children that it waited for."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def machine() -> str:
    """Return what the figures depend on, without naming a machine."""
    return f"CPython {platform.python_version()}, {platform.system()} {platform.machine()}"


def say(text: str) -> None:
    """Print progress where it does not mix with the page."""
    print(f"== {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
