"""The temporal task: which of eight patterns of events is it, seen late, noisily and incompletely?

A pattern is one time for each of 16 channels. A sample is a pattern whose events come early or
late (normal, 1.5 steps), or not at all (one of ten), among events that mean nothing (one in a
hundred places). Each channel fires about once in every class, so only the order of events tells
them apart: what counts events learns nothing. Standard library only; `FROZEN` is the hash of what
it makes, and a test holds it there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from random import Random

CHANNELS, STEPS, CLASSES = 16, 32, 8
JITTER, LOST, NOISE = 1.5, 0.1, 0.01
EDGE = 3  # no pattern has an event nearer to the first or the last step
PATTERN_SEED = 7
FROZEN = "da104e212c69dbfe332aa607e1a9951b6e87a7d4080c643e1da82b9b158330ef"

Stream = list[bytes]  # STEPS rows of CHANNELS bytes, 0 or 1


def patterns() -> list[list[int]]:
    """Return of each class the step at which each channel fires."""
    rng = Random(PATTERN_SEED)
    return [[rng.randrange(EDGE, STEPS - EDGE) for _ in range(CHANNELS)] for _ in range(CLASSES)]


def streams(count: int, seed: int, noise: float = NOISE) -> tuple[list[Stream], list[int]]:
    """Return samples and their classes, which take turns.

    noise: how many places out of all hold an event that means nothing, 0..1
    """
    rng, times = Random(seed), patterns()
    labels = [number % CLASSES for number in range(count)]
    return [_stream(rng, times[label], noise) for label in labels], labels


def _stream(rng: Random, times: Sequence[int], noise: float) -> Stream:
    rows = [bytearray(CHANNELS) for _ in range(STEPS)]
    for channel, time in enumerate(times):
        lost, step = rng.random() < LOST, round(time + rng.gauss(0.0, JITTER))
        if not lost and 0 <= step < STEPS:
            rows[step][channel] = 1
    for row in rows:
        for channel in range(CHANNELS):
            if rng.random() < noise:
                row[channel] = 1
    return [bytes(row) for row in rows]


def fingerprint() -> str:
    """Return the SHA-256 of 80 samples and their classes."""
    made, labels = streams(80, 1)
    digest = hashlib.sha256(bytes(labels))
    for stream in made:
        digest.update(b"".join(stream))
    return digest.hexdigest()
