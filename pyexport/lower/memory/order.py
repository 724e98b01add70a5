"""Finds an order of independent tasks in which fewer bytes are alive at once."""

from __future__ import annotations

from collections.abc import Sequence

from pyexport.lower.memory.placing import Generator
from pyexport.lower.memory.problem import MemoryProblem
from pyexport.lower.memory.values import Atoms, make_atoms

WIDTH = 48  # unfinished orders that are kept at each length


def least_alive(problem: MemoryProblem, order: Sequence[int]) -> int:
    """Return the bytes that every plan of this order needs, whatever shares its bytes.

    At each task these are the values alive in the arena, each counted once, less the largest
    result that can lie over something read for the last time.
    """
    counter = _Counter(problem)
    peak, done = 0, 0
    for index in order:
        peak = max(peak, counter.needed(done, index))
        done |= 1 << index
    return peak


def find_orders(problem: MemoryProblem) -> tuple[tuple[int, ...], ...]:
    """Return the given order of the tasks, and others if the search finds any of a lower peak.

    Orders grow by a task at a time; of those of one length and the same tasks the best stays, and
    of the rest the WIDTH best. What is best among equal peaks is tried in two ways: few bytes
    waiting, and close to the given order.
    """
    given = tuple(range(len(problem.tasks)))
    counter = _Counter(problem)
    peak = least_alive(problem, given)
    if peak <= max((counter.unavoidable(i) for i in given), default=0):
        return (given,)
    found = [_grow(counter, given, peak, few) for few in (True, False)]
    return tuple(dict.fromkeys([given, *(order for order in found if order is not None)]))


def _grow(
    counter: _Counter, given: tuple[int, ...], peak: int, few: bool
) -> tuple[int, ...] | None:
    """Return an order whose peak is below `peak`, None if none is found."""
    states: dict[int, tuple[int, tuple[int, ...]]] = {0: (0, ())}
    for _ in given:
        grown: dict[int, tuple[int, tuple[int, ...]]] = {}
        for done, (highest, order) in states.items():
            for index in counter.ready(done):
                candidate = (max(highest, counter.needed(done, index)), (*order, index))
                if candidate[0] >= peak:
                    continue
                after = done | 1 << index
                if after not in grown or candidate < grown[after]:
                    grown[after] = candidate
        ranked = sorted(
            grown, key=lambda s: (grown[s][0], counter.alive(s) if few else 0, grown[s][1])
        )
        states = {done: grown[done] for done in ranked[:WIDTH]}
        if not states:
            return None
    ((_, best),) = states.values()
    return best


def move_task(problem: MemoryProblem, order: tuple[int, ...], random: Generator) -> tuple[int, ...]:
    """Return the order with some task somewhere else between what it needs and what needs it."""
    at = random.below(len(order))
    task = problem.tasks[order[at]]
    reads, writes = set(task.reads), set(task.writes)
    low, high = at, at
    while low > 0 and not reads & set(problem.tasks[order[low - 1]].writes):
        low -= 1
    while high + 1 < len(order) and not writes & set(problem.tasks[order[high + 1]].reads):
        high += 1
    rest = (*order[:at], *order[at + 1 :])
    to = low + random.below(high - low + 1)
    return (*rest[:to], order[at], *rest[to:])


class _Counter:
    """Counts what is alive when some tasks are done; sets of tasks and of atoms are bits."""

    def __init__(self, problem: MemoryProblem) -> None:
        self._problem = problem
        self._atoms: Atoms = make_atoms(problem)
        count = len(problem.tasks)
        self._waits = [0] * count  # tasks that must be done before each task
        self._readers: dict[str, int] = {}
        for index, task in enumerate(problem.tasks):
            for name in task.reads:
                self._readers[name] = self._readers.get(name, 0) | 1 << index
                if name in problem.writers:
                    self._waits[index] |= 1 << problem.writers[name]
        self._alive_after: dict[int, int] = {0: 0}
        self._wanted = {i.name for i in problem.items if i.home == "output"}

    def ready(self, done: int) -> list[int]:
        """Return the tasks that can be next."""
        return [
            i for i, waits in enumerate(self._waits) if not done >> i & 1 and waits & done == waits
        ]

    def alive(self, done: int) -> int:
        """Return the bytes that wait for a reader."""
        return self._atoms.bytes(self._mask(done))

    def _mask(self, done: int) -> int:
        if done not in self._alive_after:
            mask = 0
            for index, task in enumerate(self._problem.tasks):
                if done >> index & 1:
                    for name in task.writes:
                        pending = self._readers.get(name, 0) & ~done
                        if pending or name in self._wanted:
                            mask |= self._atoms.masks[name]
            self._alive_after[done] = mask
        return self._alive_after[done]

    def _used(self, index: int) -> int:
        task = self._problem.tasks[index]
        mask = 0
        for name in (*task.reads, *task.writes, *task.workspace):
            mask |= self._atoms.masks[name]
        return mask

    def needed(self, done: int, index: int) -> int:
        """Return the least bytes while a task runs, when others are done."""
        mask = self._mask(done) | self._used(index)
        after = self._mask(done | 1 << index)
        return self._atoms.bytes(mask) - self._saved(index, after)

    def _saved(self, index: int, after: int) -> int:
        """Return the bytes of the largest read that dies here and can take the first write."""
        task = self._problem.tasks[index]
        if not task.in_place:
            return 0
        written = self._atoms.masks[task.writes[0]]
        dead = [self._atoms.masks[name] & ~after for name in task.in_place]
        most = max(self._atoms.bytes(mask) for mask in dead)
        return min(most, self._atoms.bytes(written))

    def unavoidable(self, index: int) -> int:
        """Return the bytes that a task needs even if nothing else is alive."""
        return self._atoms.bytes(self._used(index)) - self._saved(index, 0)
