"""Bugs planted in a header's C, each a change of its text: a verification must notice every one."""

import re
from dataclasses import dataclass

from pyexport.errors import UsageError


@dataclass(frozen=True)
class Mutant:
    """A bug: what it is, and the first place of the header's text that it changes."""

    name: str
    pattern: str  # regular expression
    replacement: str

    def plant(self, header: str) -> str:
        """Return the header with the bug in it; raises UsageError if it has no place for it."""
        changed, count = re.subn(self.pattern, self.replacement, header, count=1)
        if count == 0 or changed == header:
            raise UsageError(f"the bug {self.name!r} has no place in this header")
        return changed


# Written for integer linear layers. Those of the hidden clamp apply to the first ReLU layer, those
# of the output to a layer with s8 results.
LINEAR_MUTANTS = (
    Mutant("rounding constant missing", r"\(\(acc \+ INT32_C\(\d+\)\) >>", "((acc) >>"),
    Mutant("hidden layer without upper limit", r"acc > 255 \? 255 : acc", "acc"),
    Mutant("hidden layer without lower limit", r"acc < 0 \? 0 : ", ""),
    Mutant("output without upper limit", r"acc > 127 \? 127 : acc", "acc"),
    Mutant("output without lower limit", r"acc < -128 \? -128 : ", ""),
    Mutant("output zero point off by one", r"(>> \d+\) [+-] \d+)", r"\1 + 1"),
    Mutant(
        "weights read column by column",
        r"(?s)(for \(o = 0; o < (\d+);.*?)PYEXPORT_READ_S8\(w\)",
        r"\1PYEXPORT_READ_S8(&weight[i * \2 + o])",
    ),
    Mutant(
        "bias off by one",
        r"PYEXPORT_READ_S32\(&bias\[o\]\)",
        "(PYEXPORT_READ_S32(&bias[o]) + 1)",
    ),
    Mutant("accumulator of 16 bits", r"(\n\s+)(\w+_TRACE\(node)", r"\1acc = (int16_t)acc;\1\2"),
    Mutant("argmax takes the last of a tie", r"out\[i\] > out\[best\]", "out[i] >= out[best]"),
)
