"""The hostile corpus: how each file ends, what ran, and how far memory grew."""

from __future__ import annotations

from pathlib import Path

from scripts.evidence_topics.figures import Context, Figure, markdown_table
from scripts.hostile_files import outcome
from scripts.hostile_files.case import EXPORTS
from scripts.hostile_files.categories import CATEGORIES
from scripts.hostile_files.outcome import Run
from scripts.make_hostile_files import ready_corpus


def hostile_files(context: Context) -> tuple[Figure, ...]:
    """Give every file of the corpus to the commands that take it."""
    if context.short:
        return ()  # tests/frontends/test_hostile_corpus.py runs the whole corpus in CI
    folder = ready_corpus()
    (folder / "canary").unlink(missing_ok=True)
    return _figures(outcome.run_corpus(folder), folder)


def _figures(runs: list[Run], folder: Path) -> tuple[Figure, ...]:
    hostile = [run for run in runs if run["side"] == "hostile"]
    names = sorted({run["name"] for run in hostile})
    faults = {name: _faults(hostile, name, folder) for name in names}
    held = [name for name in names if not faults[name]]
    harmless = [run for run in runs if run["side"] == "twin" and run["ends"] == EXPORTS]
    broken = [run for run in harmless if outcome.ending(run, folder)]
    canary = "touched" if (folder / "canary").exists() else "untouched"
    grown = max((run["grown_kib"] for run in runs), default=0)
    exported = sorted({r["name"] for r in hostile if r["ends"] == EXPORTS})
    kinds = [(kind, ", ".join(f"`{name}`" for name in CATEGORIES[kind])) for kind in CATEGORIES]
    return (
        Figure(
            "hostile files refused in one line, or exported with nothing run; canary; memory",
            "all of at least 60; untouched; at most 64 MiB",
            f"{len(held)} of {len(names)}; {canary}; {grown / 1024:.0f} MiB",
            len(held) == len(names) >= 60 and canary == "untouched"
            and grown <= outcome.MAX_GROWTH_KIB,
            (
                *(f"- FAILED `{name}`: {faults[name]}" for name in names if faults[name]),
                f"{len(names) - len(exported)} are refused by every command that takes them (or "
                "described by `inspect`, with the reason why an export refuses them). These "
                f"{len(exported)} hold text that is escaped or left out, or a part that is never "
                f"opened, and are exported: {', '.join(f'`{_plain(name)}`' for name in exported)}.",
                "",
                *markdown_table(("kind", "cases"), kinds),
            ),
        ),
        Figure(
            "harmless twins that export",
            "all",
            f"{len(harmless) - len(broken)} of {len(harmless)} runs on different files",
            bool(harmless) and not broken,
        ),
    )  # fmt: skip


def _faults(runs: list[Run], name: str, folder: Path) -> str:
    """Return what is wrong with the runs on one file."""
    own = [run for run in runs if run["name"] == name]
    found = [outcome.ending(run, folder) for run in own]
    found += [", ".join(outcome.ran(run)) for run in own]
    found += [outcome.escaped(run) for run in own]
    return "; ".join(text for text in found if text)


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-._ " else "?" for c in name)
