"""Generated and adversarial inputs, and the hunt for disagreements, on the digits network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from scripts.evidence_topics.figures import Context, Figure, Task, Topic
from scripts.evidence_topics.hunting_chips import chips
from scripts.evidence_topics.hunting_conv import planted_windows
from scripts.evidence_topics.hunting_foolbox import crosscheck
from scripts.evidence_topics.hunting_generated import composites, from_black, near
from scripts.evidence_topics.hunting_networks import CNN, Network
from scripts.evidence_topics.hunting_query import questions
from scripts.evidence_topics.hunting_search import compared, disagreements, gaps, pure_python
from scripts.evidence_topics.hunting_suites import obligations, planted

Measure = Callable[[Context, Network], tuple[Figure, ...]]


def _on_cnn(measure: Measure, context: Context) -> tuple[Figure, ...]:
    """Measure the MNIST CNN, which the short part does not: it needs MNIST, and minutes."""
    return () if context.short else measure(context, CNN)


def _whole(
    measure: Callable[[Context], tuple[Figure, ...]], context: Context
) -> tuple[Figure, ...]:
    return () if context.short else measure(context)


HUNTING = Topic(
    name="hunting",
    title="Generated inputs, and where the models disagree",
    introduction=(
        "The 64-32-16-10 network of `scripts/train_digits.py`, exported as int8; its input is the "
        "raw pixel, 17 legal values; where a line says so, the LeNet-5 of `scripts/"
        "train_examples.py lenet --data mnist`, whose pixels are 0 to 255. Everything is made on "
        "the float model, rounded to legal inputs, and judged by float model, simulator and "
        "compiled header. "
        "[Generated inputs](../generated-inputs.md) tells how. Seconds are those of the "
        "processor, one core; rates of a search beside another are measured in the same run."
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
        Task("planted convolution bugs", partial(_whole, planted_windows)),
        Task("CNN from black", partial(_on_cnn, from_black)),
        Task("CNN composites", partial(_on_cnn, composites)),
        Task("CNN near starts", partial(_on_cnn, near)),
        Task("CNN disagreements", partial(_on_cnn, disagreements)),
        Task("CNN gaps", partial(_on_cnn, gaps)),
        Task("CNN obligations", partial(_on_cnn, obligations)),
        Task("CNN compared", partial(_on_cnn, compared)),
        Task("CNN chips", partial(_on_cnn, chips)),
    ),
)
