"""The spine: a trained digits model on the host and on emulated chips, bit for bit."""

from __future__ import annotations

from scripts.evidence_topics.figures import Task, Topic
from scripts.evidence_topics.spine_costs import export_time, memory, simulator_rate
from scripts.evidence_topics.spine_equality import (
    accuracy,
    equality_on_targets,
    equality_with_the_definition,
)
from scripts.evidence_topics.spine_faults import hand_edited_weight, planted_bugs

HOSTS = ("host-gcc", "host-clang", "host-zig", "host-sanitized")
CHIPS = (
    "cortex-m0",
    "cortex-m3",
    "cortex-m4",
    "cortex-m7",
    "cortex-m33",
    "rv32imc",
    "wasm32",
    "atmega328p",
)

SPINE = Topic(
    name="spine",
    title="The spine: digits on emulated microcontrollers, bit for bit",
    introduction=(
        "A 64-32-16-10 network, trained on scikit-learn's 8x8 digits by `scripts/train_digits.py` "
        "and exported as int8, runs on the host and on emulated chips. Every output byte, every "
        "class and every accumulator is compared with the simulator."
    ),
    tasks=(
        Task("definition", equality_with_the_definition),
        Task("host", lambda c: (equality_on_targets(c, HOSTS, chips=False),)),
        Task("chips", lambda c: (equality_on_targets(c, CHIPS, chips=True),)),
        Task("accuracy", accuracy),
        Task("memory", lambda c: memory(c, CHIPS)),
        Task("export time", export_time),
        Task("simulator rate", simulator_rate),
        Task("planted bugs", planted_bugs),
        Task("hand-edited weight", hand_edited_weight),
    ),
)
