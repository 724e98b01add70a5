"""What a search tells of a difference between two models: the layer, and what it does."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cause:
    """A layer that turns the class, and whether its clipped values alone do so."""

    node: str  # "" where the layers of both models do not match
    source: str  # module path in the user's model
    clips: bool  # True: its limits; False: rounding of its weights, inputs and outputs
    # of spikes: the first step, from 0, in which both models part, and there the distance of the
    # float membrane from its threshold
    step: int | None = field(default=None, compare=False)
    distance: float = field(default=math.nan, compare=False)

    def sentence(self) -> str:
        """Return the layer and what it does."""
        if not self.node:
            return "layers of both models do not match"
        place = f'{self.node} "{self.source}"' if self.source else self.node
        return f"{place} {'clips' if self.clips else 'rounds'}"


def count_causes(found: tuple[Cause, ...]) -> list[tuple[Cause, int]]:
    """Return the causes with how often each occurs, the most frequent first."""
    return Counter(found).most_common()


@dataclass(frozen=True)
class Parting:
    """When and how nearly spikes of a layer part, where it is the cause of several differences."""

    steps: tuple[tuple[int, int], ...]  # step and how often, the most frequent first
    distance: float  # of the float membrane from its threshold, the median; NaN of an encoder

    def sentence(self) -> str:
        """Return it in words."""
        numbers = [step for step, _ in self.steps]
        text = f"spikes part in step {numbers[0]}"
        if len(numbers) > 1:
            text += f" most often, in steps {min(numbers)} to {max(numbers)}"
        if math.isnan(self.distance):
            return text
        return f"{text}, membranes {self.distance:.2g} from the threshold (median)"


def parting(cause: Cause, found: tuple[Cause, ...]) -> Parting | None:
    """Return when spikes part of all that are equal to a cause; None where none do."""
    alike = [one for one in found if one == cause and one.step is not None]
    if not alike:
        return None
    steps = Counter(one.step for one in alike if one.step is not None).most_common()
    known = sorted(one.distance for one in alike if not math.isnan(one.distance))
    return Parting(tuple(steps), known[len(known) // 2] if known else math.nan)


@dataclass(frozen=True)
class Share:
    """What one layer adds to the gap of an output, and how much of that its limits do."""

    node: str
    source: str
    change: float  # in the unit of the output; all layers together make the gap
    by_limits: float
