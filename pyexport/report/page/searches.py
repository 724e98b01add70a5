"""The searches of a report: generated inputs, changed starts, and the hunt for disagreements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pyexport.artifact import Artifact
from pyexport.errors import PyexportError
from pyexport.gradients import ValueAndGradient
from pyexport.ir import Graph
from pyexport.lower import select_kernel
from pyexport.report.page.material import Attack, Hunted, Known, Missing
from pyexport.runners import Runner
from pyexport.verify.attack import AttackOptions, attack, how
from pyexport.verify.causes import gap_shares
from pyexport.verify.descent import Descent
from pyexport.verify.generated import GROWTH, Generated, GenerateOptions, generate
from pyexport.verify.hunting import HuntOptions, hunt
from pyexport.verify.made import Alone, make_pair
from pyexport.verify.pair import Pair, judge
from pyexport.verify.starts import choose_starts

Progress = Callable[[str, int, int], None]

# Multiplications of an inference, from which on searches are shorter, or very short. A report of
# the digits network (2,720) takes all of it, in seconds.
LONGER, LONG = 30_000, 300_000
BUDGET = 1_000_000_000  # multiplications that the inputs grown from noise may take
MOST_GROWN, LEAST_GROWN = 100, 8  # of a class; with fewer than the least there are none


@dataclass(frozen=True)
class Effort:
    """How hard a report searches: less for a network that is slow to evaluate."""

    seed: int
    grown: int = 0  # inputs from noise for each class
    steps: int = 120  # of the descent from the least values
    starts: int = 6  # of an attack
    rounds: int = 8
    near_steps: int = 100  # of each round
    wanted: int = 300  # disagreements
    small: int = 48  # disagreements that are brought near to known rows
    gap_steps: int = 100

    @property
    def generate(self) -> GenerateOptions:
        """What `pyexport generate` takes."""
        return GenerateOptions(None, self.grown, Descent(self.steps), seed=self.seed)

    @property
    def attack(self) -> AttackOptions:
        """What `pyexport attack` takes."""
        return AttackOptions(rounds=self.rounds, steps=self.near_steps, seed=self.seed)

    @property
    def hunt(self) -> HuntOptions:
        """What `pyexport hunt` takes."""
        return HuntOptions(self.wanted, self.small, self.gap_steps, 0, self.seed)


def effort_for(artifact: Artifact, seed: int) -> Effort:
    """Return an effort of some seconds."""
    work = macs(artifact)
    outputs = artifact.graph.outputs
    classes = artifact.graph.output.size if len(outputs) == 1 else 1
    grown = min(MOST_GROWN, BUDGET // (3 * work * classes * 2 * GROWTH.least))
    if work < LONGER:
        return Effort(seed, grown if grown >= LEAST_GROWN else 0)
    if work < LONG:
        return Effort(seed, 0, 60, 6, 4, 60, 50, 8, 30)
    return Effort(seed, 0, 40, 4, 2, 40, 20, 4, 15)


def macs(artifact: Artifact) -> int:
    """Return the multiplications of one inference, at least 1."""
    graph = artifact.graph
    return max(1, sum(select_kernel(n, graph, None).cost(n, graph) for n in graph.nodes))


def pair_of(artifact: Artifact, graph: Graph | None) -> tuple[Pair, ValueAndGradient] | Missing:
    """Return both models and what is climbed; without a float model the export stands for both."""
    if artifact.statements.is_regression:
        return Missing("the model is a regression: its inputs have no classes")
    try:
        return make_pair(artifact, graph)
    except PyexportError as error:
        return Missing(without_name(error, artifact))


def generated_inputs(
    pair: Pair, climbed: ValueAndGradient, runner: Runner | None, effort: Effort, progress: Progress
) -> Generated | Missing:
    """Return the optimal input of each class, and composites if the network is fast enough."""
    try:
        return generate(pair, climbed, runner, effort.generate, progress)
    except PyexportError as error:
        return Missing(without_name(error, pair.artifact))


def changed_starts(
    pair: Pair, runner: Runner | None, known: Known, effort: Effort, progress: Progress
) -> Attack | Missing:
    """Return known rows that were changed as little as possible to get another class."""
    options = effort.attack
    if isinstance(pair, Alone):
        options = replace(options, gradients="integer")
    try:
        starts = choose_starts(
            pair, known.rows, known.targets, count=effort.starts, seed=effort.seed
        )
        found = attack(pair, starts, options, progress, known.rows)
    except PyexportError as error:
        return Missing(without_name(error, pair.artifact))
    return Attack(found, judge(pair, found.rows, runner), how(options))


def hunted_inputs(pair: Pair, known: Known, effort: Effort, progress: Progress) -> Hunted | Missing:
    """Return disagreements of both models, and the layers that make the largest gap."""
    if pair.graph is pair.artifact.graph:
        return Missing("the float model is not known, so nothing can disagree with it")
    if pair.artifact.graph.input.quant is None:
        return Missing("a float32 export has no grid of legal inputs to hunt on")
    try:
        found = hunt(pair, known.rows, effort.hunt, progress)
        return Hunted(found, gap_shares(pair, found.gap.row, found.gap.output))
    except PyexportError as error:
        return Missing(without_name(error, pair.artifact))


def without_name(error: PyexportError, artifact: Artifact) -> str:
    """Return an error's sentence without the model's name in front, which a report need not say."""
    return str(error).removeprefix(f"{artifact.name}: ").removeprefix(f"{artifact.name}.px: ")
