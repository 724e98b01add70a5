"""Foreign files: every door gives the same network, hostile files run nothing, readers hold."""

from __future__ import annotations

from scripts.evidence_topics import formats_fuzzing
from scripts.evidence_topics.figures import Task, Topic
from scripts.evidence_topics.formats_doors import doors
from scripts.evidence_topics.formats_hostile import hostile_files
from scripts.evidence_topics.formats_sklearn import pipelines
from scripts.evidence_topics.formats_startup import startup

FORMATS = Topic(
    name="formats",
    title="Any file that people bring, read without running it",
    introduction=(
        "Model files of every kind that [the formats page](../formats.md) lists, the hostile "
        "corpus that `python scripts/make_hostile_files.py` writes, and a fuzzer for each reader."
    ),
    tasks=(
        Task("hostile files", hostile_files),
        Task("doors", doors),
        Task("scikit-learn", pipelines),
        Task("start-up", startup),
        *formats_fuzzing.tasks(),
    ),
)
