"""Generated and adversarial inputs, and the hunt for disagreements, on the digits network."""

from __future__ import annotations

from scripts.evidence_topics.figures import Task, Topic
from scripts.evidence_topics.hunting_foolbox import crosscheck
from scripts.evidence_topics.hunting_generated import composites, from_black, near
from scripts.evidence_topics.hunting_query import questions
from scripts.evidence_topics.hunting_search import compared, disagreements, gaps, pure_python
from scripts.evidence_topics.hunting_suites import chips, obligations, planted

HUNTING = Topic(
    name="hunting",
    title="Generated inputs, and where the models disagree",
    introduction=(
        "The 64-32-16-10 network of `scripts/train_digits.py`, exported as int8; its input is the "
        "raw pixel, 17 legal values. Everything is made on the float model, rounded to legal "
        "inputs, and judged by float model, simulator and compiled header. "
        "[Generated inputs](../generated-inputs.md) tells how. Seconds are of one core; rates of a "
        "search beside another are measured in the same run."
    ),
    tasks=(
        Task("from black", from_black),
        Task("composites", composites),
        Task("near starts", near),
        Task("beside foolbox", crosscheck),
        Task("questions", questions),
        Task("disagreements", disagreements),
        Task("pure Python", pure_python),
        Task("gaps", gaps),
        Task("obligations", obligations),
        Task("planted bugs", planted),
        Task("compared", compared),
        Task("chips", chips),
    ),
)
