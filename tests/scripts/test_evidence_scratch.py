"""The figures of the scratch engine: one source, two places, and what the topic relies on."""

from __future__ import annotations

import random
import re
import subprocess
from pathlib import Path

import pytest

from pyexport.scratch.data import Samples
from scripts.evidence_topics import processes, scratch_export, scratch_speed, scratch_training
from scripts.evidence_topics.figures import Context, Figure, shown
from scripts.evidence_topics.scratch import SCRATCH

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "evidence" / "scratch.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "scratch-engine.md").read_text(encoding="utf-8")


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(ROOT, tmp_path, True, lambda text: None)


def rows(text: str) -> list[list[str]]:
    """Return the cells of the first table with measured figures."""
    table = text[text.index("| what | wanted | measured |") :].split("\n\n")[0]
    return [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]


def test_the_table_of_the_guide_is_that_of_the_evidence_page():
    assert rows(GUIDE) == [row[:3] for row in rows(PAGE)]


@pytest.mark.parametrize("engine", ["packed", "lists", "value"])
def test_the_instructions_that_the_guide_tells_are_those_of_the_page(engine):
    told = re.search(rf"^\| `{engine}`: .* \| ([\d.]+) M \|", GUIDE, re.M)
    measured = re.search(rf"^\| {engine} \| \d \| ([\d.]+) M \|", PAGE, re.M)
    assert told is not None and measured is not None
    assert float(told[1]) == pytest.approx(float(measured[1]), rel=0.05)


def test_the_table_is_written_between_the_marks_and_nowhere_else():
    figures = [Figure("speed", "fast", "very", True)]
    once = shown(SCRATCH, GUIDE, figures)
    assert rows(once) == [["speed", "fast", "very"]]
    assert shown(SCRATCH, once, figures) == once
    original = [Figure(*row, ok=True) for row in rows(GUIDE)]
    assert shown(SCRATCH, once, original) == GUIDE


def test_a_document_without_the_marks_is_refused():
    with pytest.raises(ValueError, match="lacks the marks"):
        shown(SCRATCH, "no table", [])


def test_the_time_of_a_script_is_that_of_its_whole_process(context, monkeypatch):
    ran = []

    def run(command, **options):
        ran.append(command)
        return subprocess.CompletedProcess(command, 0, '{"cpu_said": 1}', "")

    seconds = iter((10.0, 12.5))
    monkeypatch.setattr(processes.subprocess, "run", run)
    monkeypatch.setattr(processes, "_children_seconds", lambda: next(seconds))
    result = processes.script(context, "train_moons.py", "--seed", "1")
    assert result["cpu"] == 2.5
    assert result["cpu_said"] == 1
    assert ran[0][1:3] == ["-I", "-S"]
    assert ran[0][-2:] == ["--seed", "1"]


def test_another_engine_or_other_options_train_another_model(tmp_path):
    source = tmp_path / "pyexport" / "scratch" / "nn.py"
    script = tmp_path / "scripts" / scratch_export.SCRIPT
    for path in (source, script):
        path.parent.mkdir(parents=True)
        path.write_text("one", encoding="utf-8")
    context = Context(tmp_path, tmp_path, True, lambda text: None)
    keys = [scratch_export.made_from(context, ("--epochs", "1"))]
    assert scratch_export.made_from(context, ("--epochs", "1")) == keys[0]
    keys.append(scratch_export.made_from(context, ("--epochs", "2")))
    for path in (source, script):
        path.write_text("two", encoding="utf-8")
        keys.append(scratch_export.made_from(context, ("--epochs", "1")))
    assert len(set(keys)) == 4


def test_packed_gradients_are_near_those_of_lists_with_both_precisions_of_pixels():
    generator = random.Random(0)
    images = [bytes(generator.randrange(256) for _ in range(784)) for _ in range(3)]
    for bits in (8, 4):
        worst, largest = scratch_speed.differences(Samples(images, [0, 5, 9]), bits)
        assert worst <= scratch_speed.DIFFERENCE_LIMIT < largest


def test_every_figure_of_the_short_form_has_a_line_on_the_page(context, monkeypatch):
    """The trainings of the short form are quick; here their scripts are not even run."""
    numbers = {
        "test_accuracy": 88.0, "mean": 98.0, "training_accuracy": 100.0, "seconds": 0.1,
        "wall": 1.0, "cpu": 1.0,
    }  # fmt: skip
    monkeypatch.setattr(scratch_training, "script", lambda *_: numbers)
    names = ("MNIST 80 %", "MNIST 97 %", "MNIST 98 %", "digits", "moons")
    figures = [
        figure for task in SCRATCH.tasks if task.name in names for figure in task.run(context)
    ]
    assert len(figures) == 4
    assert all(figure.ok and "short form" in figure.wanted for figure in figures)
    assert [f.what for f in figures if f"| {f.what} |" not in PAGE] == []
