"""Blobs of several tensors: aligned for each of them, and the values come back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pyexport.runners.blobs import Blob, Slot, numpy_type, pointers

SLOTS = st.lists(
    st.builds(Slot, st.just("x"), st.sampled_from(["u8", "s8", "u16", "s16"]), st.integers(1, 9)),
    min_size=1,
    max_size=5,
)


def test_tensors_lie_at_multiples_of_their_element_size() -> None:
    blob = Blob((Slot("a", "u8", 3), Slot("b", "s16", 2), Slot("c", "s8", 1)))
    assert blob.offsets == (0, 4, 8)
    assert (blob.element, blob.size) == ("s16", 5)
    packed = blob.pack(np.array([[1, 2, 255, -2, 300, -1]]))
    assert packed.tobytes() == bytes([1, 2, 255, 0, 0xFE, 0xFF, 0x2C, 0x01, 0xFF, 0])
    assert pointers(blob.slots, "in", const="const ")[1] == (
        "(const int16_t *)(const void *)((const uint8_t *)(in) + 4)"
    )


@given(SLOTS, st.integers(0, 3))
def test_values_come_back(slots: list[Slot], rows: int) -> None:
    blob = Blob(tuple(slots))
    random = np.random.default_rng(0)
    parts = []
    for slot in slots:
        limits = np.iinfo(numpy_type(slot.dtype))
        parts.append(random.integers(limits.min, limits.max, (rows, slot.size), endpoint=True))
    values = np.concatenate(parts, axis=1).astype(blob.row_type)
    packed = blob.pack(values)
    assert packed.shape == (rows, blob.size)
    assert np.array_equal(blob.unpack(packed), values)
    item = numpy_type(blob.element).itemsize
    assert all(at % slot.item_bytes == 0 for at, slot in zip(blob.offsets, slots, strict=True))
    assert blob.size * item >= sum(slot.size * slot.item_bytes for slot in slots)
