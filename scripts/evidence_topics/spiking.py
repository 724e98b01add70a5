"""Spiking networks: trained, quantized, exported, and their spikes equal everywhere."""

from __future__ import annotations

from scripts.evidence_topics.figures import Task, Topic
from scripts.evidence_topics.spiking_costs import prices
from scripts.evidence_topics.spiking_planted import planted
from scripts.evidence_topics.spiking_scratch import moons
from scripts.evidence_topics.spiking_temporal import temporal
from scripts.evidence_topics.spiking_training import digits, equal, snntorch

SPIKING = Topic(
    name="spiking",
    title="Spiking networks",
    introduction=(
        "Leaky integrate-and-fire networks: 64-64-10 on the 8x8 digits in three encodings "
        "(`scripts/train_snn_digits.py`), on the two moons in pure Python "
        "(`scripts/train_snn_scratch.py`), and on streams of events "
        "(`scripts/train_snn_events.py`), where they stand beside a GRU of equal accuracy. "
        "[Spiking networks](../spiking.md) tells what they are, and when they are worth it."
    ),
    tasks=(
        Task("snntorch", snntorch),
        Task("digits", digits),
        Task("event streams", temporal),
        Task("equality", equal),
        Task("moons", moons),
        Task("prices", prices),
        Task("planted bugs", planted),
    ),
)
