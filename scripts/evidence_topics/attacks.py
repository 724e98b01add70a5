"""Attacks on the exported model: beside foolbox, and by questions to a board."""

from __future__ import annotations

from scripts.evidence_topics.figures import Task, Topic
from scripts.evidence_topics.hunting_foolbox import crosscheck
from scripts.evidence_topics.hunting_query import questions

ATTACKS = Topic(
    name="attacks",
    title="Attacks on the exported model",
    introduction=(
        "The digits network of `scripts/train_digits.py`, exported as int8 with raw bytes as "
        "inputs. [Generated inputs](../generated-inputs.md) tells what the attacks do."
    ),
    tasks=(
        Task("beside foolbox", crosscheck),
        Task("questions", questions),
    ),
)
