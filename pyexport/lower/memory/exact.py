"""Finds the least arena of some blocks by deciding pair by pair, within a number of steps."""

from __future__ import annotations

from pyexport.lower.memory.placing import Board, Offsets

MOST_BLOCKS = 40
MOST_STEPS = 500

Window = tuple[list[int], list[int]]  # least and greatest offset of each block
Segment = tuple[int, int]  # closed interval in which the difference of two offsets may lie
_FAR = 1 << 60


def best_offsets(board: Board, start: Offsets, bound: int) -> tuple[Offsets, bool]:
    """Return the best offsets found, and whether it is proved that there are none better.

    Each block has a window of offsets inside an arena smaller than the best one. Two blocks that
    forbid each other leave some segments for the difference of their offsets. Windows shrink to
    what the segments allow; where the lowest offsets still clash, each segment is tried in turn.
    """
    if board.size(start) <= bound:
        return start, True
    if len(board.blocks) > MOST_BLOCKS:
        return start, False
    search = _Search(board, start, bound)
    finished = search.run()
    return search.best, finished


class _Search:
    def __init__(self, board: Board, start: Offsets, bound: int) -> None:
        self._board = board
        self._bound = bound
        self.best = start
        self._size = board.size(start)
        self._steps = 0
        self._pairs = [
            (i, j, _allowed(intervals))
            for i, others in enumerate(board.forbidden)
            for j, intervals in others.items()
            if j < i
        ]

    def run(self) -> bool:
        """Search to the end; return whether all was tried."""
        blocks = self._board.blocks
        while self._size > self._bound:
            limit = self._size - 1
            latest = [(limit - b.bytes) // b.alignment * b.alignment for b in blocks]
            if min(latest) < 0:
                return True  # the largest block alone needs as much as the best placing
            found = self._solve(([0] * len(blocks), latest), [p[2] for p in self._pairs])
            if self._steps > MOST_STEPS:
                return False
            if found is None:
                return True
            self.best, self._size = found, self._board.size(found)
        return True

    def _solve(self, window: Window, segments: list[tuple[Segment, ...]]) -> Offsets | None:
        """Return offsets inside the windows, None if there are none or the steps are used up."""
        self._steps += 1
        if self._steps > MOST_STEPS or not self._shrink(window, segments):
            return None
        low = window[0]
        clash = -1
        for number, (i, j, _) in enumerate(self._pairs):
            difference = low[i] - low[j]
            inside = any(a <= difference <= b for a, b in segments[number])
            if not inside and (clash < 0 or self._weight(number) > self._weight(clash)):
                clash = number
        if clash < 0:
            return tuple(low)
        for segment in segments[clash]:
            narrowed = list(segments)
            narrowed[clash] = (segment,)
            found = self._solve((list(window[0]), list(window[1])), narrowed)
            if found is not None:
                return found
        return None

    def _weight(self, number: int) -> int:
        i, j, _ = self._pairs[number]
        return self._board.blocks[i].bytes + self._board.blocks[j].bytes

    def _shrink(self, window: Window, segments: list[tuple[Segment, ...]]) -> bool:
        """Narrow the windows until nothing changes; return whether all still have an offset."""
        low, high = window
        blocks = self._board.blocks
        changed = True
        while changed:
            changed = False
            for number, (i, j, _) in enumerate(self._pairs):
                least, most = low[i] - high[j], high[i] - low[j]
                left = tuple(s for s in segments[number] if s[0] <= most and s[1] >= least)
                if not left:
                    return False
                segments[number] = left
                first, last = left[0][0], left[-1][1]
                for block, bottom, top in (
                    (i, low[j] + first, high[j] + last),
                    (j, low[i] - last, high[i] - first),
                ):
                    alignment = blocks[block].alignment
                    bottom = -(-bottom // alignment) * alignment
                    top = top // alignment * alignment
                    if bottom > low[block]:
                        low[block], changed = bottom, True
                    if top < high[block]:
                        high[block], changed = top, True
                    if low[block] > high[block]:
                        return False
        return True


def _allowed(intervals: tuple[tuple[int, int], ...]) -> tuple[Segment, ...]:
    """Return the closed segments that open intervals leave free."""
    found, start = [], -_FAR
    for low, high in intervals:
        if low >= start:
            found.append((start, low))
        start = max(start, high)
    found.append((start, _FAR))
    return tuple(found)
