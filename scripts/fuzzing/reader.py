"""What one reader under test is: how it is called, what it starts from, how inputs are changed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

Mutator = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Reader:
    """A reader of bytes that may end in nothing but a result or a PyexportError."""

    name: str
    what: str  # one line for people
    read: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]
    mutate: Mutator | None  # changes what plain bytes would not reach; None: bytes do
