"""Archives changed at random: they are read or refused in one line, nothing else happens."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyexport.errors import PyexportError
from tests.frontends.hostile import CLEAN, MODEL, WEIGHTS, accept_or_refuse, edited, read
from tests.frontends.models import rezip


def test_every_truncation_is_refused():
    for length in range(0, len(CLEAN), 37):
        refusal_or_kind(CLEAN[:length])


def refusal_or_kind(data: bytes) -> None:
    with pytest.raises(PyexportError):
        read(data)


@settings(max_examples=400)
@given(st.data())
def test_mutated_bytes_never_raise_another_error(data):
    content = bytearray(CLEAN)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    accept_or_refuse(bytes(content))


@settings(max_examples=400)
@given(st.sampled_from([MODEL, WEIGHTS]), st.data())
def test_mutated_json_never_raises_another_error(member, data):
    """The zip's checksums stop most mutations of bytes; these reach the reader behind them."""

    def change(name: str, content: bytes) -> bytes:
        if name != member:
            return content
        mutated = bytearray(content)
        for _ in range(data.draw(st.integers(1, 4))):
            position = data.draw(st.integers(0, len(mutated) - 1))
            mutated[position] = data.draw(st.sampled_from(b'0123456789-"[]{},:nlt e.'))
        return bytes(mutated)

    accept_or_refuse(rezip(CLEAN, change))


LEAVES = st.sampled_from(
    [None, True, -1, 0, 1, 2, 3, 7, 1 << 40, 1 << 70, 0.5, "", "x", "input", [], {}, [1], [{}],
     {"as_int": 2}, {"as_tensor": {"name": "input"}}, {"as_none": True}, {"as_float": "NaN"}]
)  # fmt: skip


@settings(max_examples=600)
@given(st.sampled_from([MODEL, WEIGHTS]), st.lists(st.integers(0, 10_000), max_size=9), LEAVES)
@example(MODEL, [], [])
def test_any_value_anywhere_in_the_json_never_raises_another_error(member, path, leaf):
    def edit(document: dict) -> None:
        node: object = document
        for step in path:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                return
            key = keys[step % len(keys)]
            below = node[key]
            if step is path[-1] or not isinstance(below, dict | list) or not below:
                node[key] = leaf
                return
            node = below

    accept_or_refuse(edited(member, edit))
