"""Where the states of a model lie: in the caller's struct, some written over in place."""

from __future__ import annotations

from collections.abc import Mapping

from pyexport.fixedpoint import ITEM_BYTES
from pyexport.integer.recurrent import Recurrent
from pyexport.integer.spiking import QuantizedEncode, QuantizedLif, QuantizedReadout
from pyexport.ir import Graph, State, Tensor
from pyexport.program import StateSlot

KEEPERS = (Recurrent, QuantizedLif, QuantizedEncode, QuantizedReadout)


def state_slots(graph: Graph) -> tuple[StateSlot, ...]:
    """Return the members of the struct, the widest first, so that none needs padding before it."""
    slots = [
        StateSlot(
            state.name, state.read, state.write, int(state.initial), _is_in_place(state, graph)
        )
        for state in graph.states
    ]
    width = {slot.name: ITEM_BYTES[graph.tensor(slot.read).dtype] for slot in slots}
    return tuple(sorted(slots, key=lambda slot: -width[slot.name]))


def state_kinds(slots: tuple[StateSlot, ...]) -> Mapping[str, str]:
    """Return the tensors that lie in the struct: the old values, and new ones in their place."""
    places = {name for slot in slots for name in (slot.read, *([slot.write] * slot.in_place))}
    return dict.fromkeys(places, "state")


def _is_in_place(state: State, graph: Graph) -> bool:
    """Return whether the new values may be written where the old ones lie.

    Recurrent and spiking layers read the old values of a unit before they write its new ones;
    nobody else may want the old ones, and an output lies in the caller's memory.
    """
    (writer,) = [node for node in graph.nodes if state.write in node.outputs]
    readers = graph.users(state.read)
    if not isinstance(writer.op, KEEPERS) or [n.name for n in readers] != [writer.name]:
        return False
    kept = [name for name in writer.inputs if name in {s.read for s in graph.states}]
    new = writer.outputs[len(writer.outputs) - len(kept) :]  # old and new ones come in one order
    same = kept.index(state.read) == new.index(state.write) if state.write in new else False
    return same and state.write not in graph.outputs


def state_bytes(slots: tuple[StateSlot, ...], tensors: Mapping[str, Tensor]) -> int:
    """Return the size of the struct on every target: a filler makes it even if it holds words."""
    widths = [ITEM_BYTES[tensors[slot.read].dtype] for slot in slots]
    total = sum(w * tensors[slot.read].size for w, slot in zip(widths, slots, strict=True))
    widest = max(widths, default=1)
    return -(-total // widest) * widest
