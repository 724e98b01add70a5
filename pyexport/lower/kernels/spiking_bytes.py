"""The records of spiking neurons with weights of bytes: kernels differ by what they read."""

from __future__ import annotations

from collections.abc import Callable

from pyexport.ir import Graph, Node
from pyexport.lower.columns import columns, layout_of
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.spiking import (
    BLOCK,
    FORMS,
    Form,
    lif,
    neuron_params,
    neuron_tables,
    products,
    space_of,
    space_params,
)
from pyexport.lower.packing import plain_const
from pyexport.targets import Target


def byte_kernels(name: str, reads: Callable[[Node, Graph], bool]) -> tuple[Kernel, ...]:
    """Return a record for each form of spikes and workspace; `reads` says what the kernel takes."""
    return tuple(_kernel(name, reads, form) for form in FORMS)


def _kernel(name: str, reads: Callable[[Node, Graph], bool], form: Form) -> Kernel:
    def matches(node: Node, graph: Graph, target: Target | None) -> bool:
        return form.holds(node, graph, target) and reads(node, graph)

    def lower(node: Node, graph: Graph) -> Lowered:
        op = lif(node)
        layout = layout_of(op.size, BLOCK)
        note = f"[blocks of {layout.size} neurons][{op.weight.shape[1]} inputs]"
        weight = plain_const(f"{node.name}_weight", columns(op.weight, layout), "s8", note)
        return Lowered(
            consts=(weight, *neuron_tables(node)),
            params=(
                *neuron_params(node, graph, form.masks),
                *space_params(space_of(node, graph, form.space), node, "s32"),
                ("size", layout.size),
                ("stride", layout.stride),
                ("weight_dtype", "s8"),
            ),
            acc_low=op.low,
            acc_high=op.high,
            trace_size=op.steps * op.size,
        )

    return Kernel(
        name=name,
        matches=matches,
        lower=lower,
        workspace=lambda node, graph: space_of(node, graph, form.space).size,
        workspace_dtype=form.space,
        cost=products,
        template=f"ops/{name}.h.j2",
    )
