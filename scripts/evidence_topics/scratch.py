"""The scratch engine: pure Python that trains MNIST, and exports it like any other model."""

from __future__ import annotations

from scripts.evidence_topics.figures import Task, Topic
from scripts.evidence_topics.scratch_export import export
from scripts.evidence_topics.scratch_speed import beside_others, gradients, instructions
from scripts.evidence_topics.scratch_training import digits, mnist_80, mnist_97, mnist_98, moons

SCRATCH = Topic(
    name="scratch",
    title="The scratch engine: MNIST in pure Python",
    introduction=(
        "Networks are trained by `pyexport.scratch` in a Python without any package "
        "(`python -I -S`), on one core. Accuracies are on the official 10,000 test images, looked "
        "at once; validation images chose the weights, and with `scripts/choose_rates.py` the "
        "learning rates. No training ends by the clock, so a run again gives the same accuracies; "
        "CPU seconds are of whole processes, user and system. "
        "[The scratch engine](../scratch-engine.md) tells how it works."
    ),
    shown_in="docs/scratch-engine.md",
    tasks=(
        Task("MNIST 80 %", mnist_80),
        Task("MNIST 97 %", mnist_97),
        Task("MNIST 98 %", mnist_98),
        Task("instructions", instructions),
        Task("beside others", beside_others),
        Task("digits", digits),
        Task("moons", moons),
        Task("gradients", gradients),
        Task("export", export),
    ),
)
