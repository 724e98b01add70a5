"""Runs an attack by its name: near starts, FGSM, PGD, the minimal norm, or questions alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pyexport.errors import UsageError
from pyexport.gradients import ValueAndGradient, of_graph
from pyexport.ir import Array
from pyexport.runners import Runner
from pyexport.verify.ball import NORMS, Ball
from pyexport.verify.bounded import PGDOptions, fgsm, pgd
from pyexport.verify.goal import MODELS, Attacked, Goal
from pyexport.verify.minimal import MinimalOptions, minimal
from pyexport.verify.near import NearOptions, near_starts
from pyexport.verify.oracle import Oracle
from pyexport.verify.pair import Pair
from pyexport.verify.query import QueryOptions, query_attack
from pyexport.verify.starts import Starts
from pyexport.verify.straight_through import of_integer_graph

METHODS = ("near", "fgsm", "pgd", "minimal", "query")
GRADIENTS = ("float", "integer")
DEFAULT_SHARE = 1 / 8  # of the input's span: epsilon where none is given

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class AttackOptions:
    """Which attack, and how hard; None takes the method's own default."""

    method: str = "near"
    untargeted: bool = False  # any other class will do
    gradients: str = "float"  # of the float model, or straight through the integer model
    on: str | None = None  # the models that must be fooled; near: both, else the integer one
    norm: str = "linf"
    epsilon: float | None = None
    in_bytes: bool = False  # epsilon counts units of the device's integers
    steps: int | None = None
    restarts: int = 1
    rounds: int = 8
    keep_near: float = 5.0
    queries: int = 1_000  # inferences a start, of a query attack
    seed: int = 0

    def __post_init__(self) -> None:
        for what, value, known in (
            ("--method", self.method, METHODS),
            ("--gradients", self.gradients, GRADIENTS),
            ("--on", self.models, MODELS),
            ("--norm", self.norm, NORMS),
        ):
            if value not in known:
                raise UsageError(f"{what} {value!r} is unknown; use one of {', '.join(known)}")
        if self.norm == "l2" and self.epsilon is None and self.method in ("fgsm", "pgd"):
            raise UsageError("--norm l2 needs --epsilon, the longest distance")
        self.pgd, self.near, self.minimal, self.query(())  # they check themselves

    @property
    def models(self) -> str:
        """The models that must be fooled."""
        return self.on or ("both" if self.method == "near" else "integer")

    @property
    def pgd(self) -> PGDOptions:
        """What PGD takes."""
        return PGDOptions(_or(self.steps, 40), self.restarts, self.seed)

    @property
    def near(self) -> NearOptions:
        """What a near start takes."""
        return NearOptions(self.rounds, _or(self.steps, 100), keep_near=self.keep_near)

    @property
    def minimal(self) -> MinimalOptions:
        """What the minimal norm takes."""
        return MinimalOptions(_or(self.steps, 300), seed=self.seed)

    def query(self, shape: tuple[int, ...]) -> QueryOptions:
        """Return what a query attack takes; shape: of an input, as it is drawn."""
        return QueryOptions(self.queries, self.seed, shape)


def attack(
    pair: Pair,
    starts: Starts,
    options: AttackOptions | None = None,
    progress: Progress = lambda what, done, of: None,
    pool: Array | None = None,
    runner: Runner | None = None,
    shape: tuple[int, ...] = (),
) -> Attacked:
    """Return what the attack finds for each start; pool: rows that may serve as a first success.

    runner, shape: what a query attack asks, and how its inputs are drawn; others need none.
    """
    chosen = options or AttackOptions()
    classes = starts.classes if chosen.untargeted else starts.targets
    goal = Goal(pair, classes, not chosen.untargeted, chosen.models)
    if chosen.method == "query":
        return _query(goal, starts, chosen.query(shape), progress, pool, runner)
    model, rows = _model(pair, chosen), starts.rows
    if chosen.method == "near":
        return near_starts(
            pair, model, rows, classes, chosen.near, progress, pool, goal.on, goal.targeted
        )
    if chosen.method == "minimal":
        return minimal(goal, model, rows, chosen.minimal, progress, pool)
    if chosen.method == "fgsm":
        return fgsm(goal, model, rows, ball_of(pair, chosen))
    return pgd(goal, model, rows, ball_of(pair, chosen), chosen.pgd, progress)


def _query(
    goal: Goal,
    starts: Starts,
    options: QueryOptions,
    progress: Progress,
    pool: Array | None,
    runner: Runner | None,
) -> Attacked:
    if runner is None or goal.pair.step is None:
        wrong = "a float32 export has no bytes" if runner is not None else "nothing can be asked"
        raise UsageError(
            f"{goal.pair.artifact.name}: {wrong}; a query attack asks an int8 export on a target "
            "or at a port"
        )
    oracle = Oracle(runner, len(starts.rows), options.budget)
    return query_attack(goal, oracle, starts.rows, options, progress, pool)


def ball_of(pair: Pair, options: AttackOptions) -> Ball:
    """Return the inputs that FGSM and PGD may reach."""
    if options.epsilon is None:
        return Ball(options.norm, DEFAULT_SHARE, pair.span)
    if not options.in_bytes:
        return Ball(options.norm, options.epsilon, np.ones(len(pair.span)))
    if pair.step is None:
        raise UsageError(
            f"{pair.artifact.name}: a float32 export takes no bytes; give --epsilon in the unit "
            "of its input"
        )
    return Ball(options.norm, options.epsilon, pair.step)


def how(options: AttackOptions) -> str:
    """Return in words what was done, for the title of a sheet."""
    if options.method == "query":
        return f"at most {options.queries} questions a start, and nothing but their answers"
    source = {"float": "the float model", "integer": "the integer model (straight through)"}
    of = source[options.gradients]
    if options.method == "near":
        descents = f"{options.rounds} descents of {options.near.steps} steps"
        return f"{descents} on {of}, then on legal inputs"
    if options.method == "minimal":
        return f"boundary and {options.minimal.steps} steps of DDN on {of}, then on legal inputs"
    within = "an eighth of the span" if options.epsilon is None else f"{options.epsilon:g}"
    within += " bytes" if options.in_bytes else ""
    name = {"linf": "L-infinity", "l2": "L2"}[options.norm]
    steps = "one step" if options.method == "fgsm" else f"PGD, {options.pgd.steps} steps"
    if options.method == "pgd" and options.restarts > 1:
        steps += f" and {options.restarts} starts"
    return f"{steps} on {of}, {name} distance of at most {within}"


def _model(pair: Pair, options: AttackOptions) -> ValueAndGradient:
    if options.gradients == "float":
        return of_graph(pair.graph)
    return of_integer_graph(pair.artifact.graph)


def _or(value: int | None, default: int) -> int:
    return default if value is None else value
