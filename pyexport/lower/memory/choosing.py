"""Chooses what shares its bytes: groups are rigid, and less sharing sometimes fits better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations

from pyexport.lower.memory.blocks import least_extent, make_blocks
from pyexport.lower.memory.bounds import least_size
from pyexport.lower.memory.exact import best_offsets
from pyexport.lower.memory.order import least_alive
from pyexport.lower.memory.placing import Board, find_offsets
from pyexport.lower.memory.problem import ARENA, MemoryProblem, Place, align_up
from pyexport.lower.memory.sharing import Relation, Sharing, relations, share, without

MOST_MOVES = 120  # changes of what is shared that are tried one after the other
MOST_SETS = 20  # sets of choices that are looked at for a proof

Wanted = tuple[Relation, ...]


@dataclass(frozen=True)
class Question:
    """What is chosen for: an order of the tasks, and the size that nothing can beat."""

    problem: MemoryProblem
    order: tuple[int, ...]
    bound: int
    grain: int  # the arena's size is a multiple


@dataclass(frozen=True)
class Choice:
    """One answer: what was wanted, what of it holds, and where everything lies then."""

    wanted: Wanted
    sharing: Sharing
    places: Mapping[str, Place]
    size: int
    is_least: bool  # proved to be the least size if just this is shared

    @property
    def rank(self) -> tuple[int, int]:
        """Return the key of the better one: fewer bytes, then fewer copies."""
        return self.size, -len(self.sharing.held)


def choose(question: Question) -> tuple[Choice, int]:
    """Return the best choice found, and a size that no choice can beat."""
    everything = relations(question.problem)
    best = _improve(question, everything, place(question, everything))
    for wanted in _simple_choices(everything):
        if best.size <= question.bound:
            return best, best.size
        simple = place(question, wanted, best.size)
        if simple.size < best.size:
            best = _improve(question, everything, simple)
    return _search(question, everything, best)


@dataclass(frozen=True, order=True)
class _Node:
    """A set of choices: all that hold what is forced and nothing of what is left out."""

    bound: int
    forced: Wanted = field(compare=False)
    open: Wanted = field(compare=False)  # undecided


def _search(question: Question, everything: Wanted, best: Choice) -> tuple[Choice, int]:
    """Decide relation by relation, the set with the lowest bound first; prove what can be."""
    root = _node(question, (), everything, everything)
    nodes = [] if root is None else [root]
    finished = best.size  # the least bound of a set that needs no more deciding
    for _ in range(MOST_SETS):
        if not nodes or nodes[0].bound >= min(best.size, finished):
            break
        node = nodes.pop(0)
        trial = place(question, (*node.forced, *node.open))
        best = min(best, trial, key=lambda choice: choice.rank)
        kept = set(trial.sharing.kept)
        if not node.open:
            finished = min(finished, trial.size if trial.is_least else node.bound)
            continue
        loose = tuple(r for r in node.open if r not in kept)
        split = _dearest(question, node, loose, everything)
        rest = tuple(r for r in node.open if r != split)
        grown = (
            _node(question, (*node.forced, split), rest, everything),
            _node(question, node.forced, rest, everything),
        )
        nodes = sorted([*nodes, *(n for n in grown if n is not None)])
    return best, min([best.size, finished, *(node.bound for node in nodes)])


def _node(
    question: Question, forced: Wanted, undecided: Wanted, everything: Wanted
) -> _Node | None:
    """Return the set with its bound; None if what is forced cannot hold together."""
    problem, order = question.problem, question.order
    if len(share(problem, order, forced).kept) < len(forced):
        return None
    possible = tuple(
        r for r in undecided if len(share(problem, order, (*forced, r)).kept) > len(forced)
    )
    left_out = set(everything) - {*forced, *possible}
    bound = least_size(problem, order, forced, possible, left_out)
    return _Node(max(align_up(bound, question.grain), question.bound), forced, possible)


def _dearest(question: Question, node: _Node, loose: Wanted, everything: Wanted) -> Relation:
    """Return the undecided relation without which most bytes are alive at once.

    Those that cannot hold with the others come first: one of them has to go.
    """
    left_out = set(everything) - {*node.forced, *node.open}
    best, dearest = node.bound, None
    for relation in (*loose, *(r for r in node.open if r not in loose)):
        if dearest is not None and relation not in loose:
            break
        bound = least_alive(without(question.problem, {*left_out, relation}), question.order)
        if bound > best:
            best, dearest = bound, relation
    return dearest or (loose or node.open)[0]


def place(question: Question, wanted: Wanted, below: int | None = None) -> Choice:
    """Return where everything lies if these relations hold as far as that is safe.

    If that cannot take fewer than `below` bytes the size says so, and no place is looked for.
    """
    sharing = share(question.problem, question.order, wanted)
    blocks = make_blocks(question.problem, question.order, sharing.groups)
    least = max(question.bound, align_up(least_extent(blocks), question.grain))
    if below is not None and least >= below:
        return Choice(wanted, sharing, {}, least, is_least=False)
    board = Board(blocks)
    offsets, is_least = best_offsets(board, find_offsets(board, least), least)
    start = {block.name: offset for block, offset in zip(blocks, offsets, strict=True)}
    places = {}
    for group in sharing.groups:
        base = start[group.members[0][0]] if group.home == ARENA else 0
        for name, offset in group.members:
            places[name] = Place(group.home, base + offset)
    size = align_up(board.size(offsets), question.grain)
    return Choice(wanted, sharing, places, size, is_least)


def _simple_choices(everything: Wanted) -> list[Wanted]:
    """Return other choices, larger ones first: results in place before views, or one kind only."""
    in_place = tuple(r for r in everything if r.view is None)
    views = tuple(r for r in everything if r.view is not None)
    parts = _parts(views)
    apart = tuple(r for r in everything if r.view is None or r.view.inner not in parts)
    choices = dict.fromkeys([(*in_place, *views), apart, views, in_place, ()])
    choices.pop(everything, None)
    return sorted(choices, key=len, reverse=True)


def _parts(views: Wanted) -> set[str]:
    """Return the items that lie side by side in another one."""
    count: dict[str, int] = {}
    for relation in views:
        count[relation.other] = count.get(relation.other, 0) + 1
    return {r.item for r in views if count[r.other] > 1}


def _improve(question: Question, everything: Wanted, start: Choice) -> Choice:
    """Let a relation that does not hold go first, or leave one out, while that helps."""
    best, moves = start, 0
    improved = True
    while improved and best.size > question.bound:
        improved = False
        for wanted in _changes(best, everything):
            moves += 1
            if moves > MOST_MOVES:
                return best
            trial = place(question, wanted, best.size)
            if trial.size < best.size:
                best, improved = trial, True
                break
    return best


def _changes(choice: Choice, everything: Wanted) -> Iterator[Wanted]:
    """Yield one relation first, or one left out; then two or all views of a task left out."""
    kept = choice.sharing.kept
    for relation in everything:
        if relation not in kept:
            yield (relation, *(r for r in choice.wanted if r != relation))
    groups: list[Wanted] = [(relation,) for relation in kept]
    for task in sorted({r.task for r in everything if r.view is not None}):
        views = [r for r in everything if r.task == task]
        if len(views) > 2:
            groups += [tuple(views), *combinations(views, 2)]
    for group in groups:
        rest = tuple(r for r in choice.wanted if r not in group)
        yield rest
        if len(group) > 1:
            yield (*rest, *(r for r in everything if r not in rest and r not in group))
