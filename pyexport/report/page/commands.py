"""The commands that give a report's figures again, as they can be pasted."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from pyexport.report.page.material import Command
from pyexport.report.page.searches import Effort


def report_commands(
    subject: str,
    model: str,
    words: Sequence[str],
    verify: Sequence[str],
    effort: Effort | None,
    rows: Sequence[str] | None,
    chip: str,
) -> tuple[Command, ...]:
    """Return a command for each part.

    words: options of the report; verify: those of the verification, none if it was not run;
    effort: of the searches, None where there were none; rows: the option that gives them rows, None
    where no command has the same; chip: of the costs, "" without any.
    """
    found = [_command("this report", "report", subject, *words)]
    if verify:
        found.append(_command("comparison and cost", "verify", subject, *verify))
    if effort is not None and model:
        seed = ("--seed", effort.seed)
        of = (model,) if model == subject else (model, "--artifact", _artifact(subject))
        made = ("--composite", effort.grown, "--steps", effort.steps)
        near = ("--starts", effort.starts, "--rounds", effort.rounds, "--steps", effort.near_steps)
        hunt = ("--wanted", effort.wanted, "--steps", effort.gap_steps, "--random", 0)
        found.append(_command("generated inputs", "generate", *of, *made, *seed))
        if rows is not None:
            found.append(_command("changed starts", "attack", *of, *near, *rows, *seed))
            found.append(_command("disagreements", "hunt", *of, *hunt, *rows, *seed))
    if chip and model != subject:
        found.append(_command("layers", "inspect", _artifact(subject), "--cost", "--target", chip))
    return tuple(found)


def _artifact(subject: str) -> str:
    return subject.removesuffix(".h") + ".px" if subject.endswith(".h") else subject


def _command(what: str, *words: object) -> Command:
    return Command(what, shlex.join(["pyexport", *map(str, words)]))
