"""The records of spiking neurons with weights of bytes: kernels differ by what they read."""

from __future__ import annotations

from collections.abc import Callable

from pyexport.ir import Graph, Node
from pyexport.lower.columns import layout_of
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.spiking import (
    BLOCK,
    FORMS,
    Form,
    byte_weights,
    lif,
    lowered_neurons,
    products,
    space_of,
)
from pyexport.targets import Target


def byte_kernels(name: str, reads: Callable[[Node, Graph], bool]) -> tuple[Kernel, ...]:
    """Return a record for each form of spikes and workspace; `reads` says what the kernel takes."""
    return tuple(_kernel(name, reads, form) for form in FORMS)


def _kernel(name: str, reads: Callable[[Node, Graph], bool], form: Form) -> Kernel:
    def matches(node: Node, graph: Graph, target: Target | None) -> bool:
        return form.holds(node, graph, target) and reads(node, graph)

    def lower(node: Node, graph: Graph) -> Lowered:
        layout = layout_of(lif(node).size, BLOCK)
        space = space_of(node, graph, form.space)
        return lowered_neurons(node, graph, byte_weights(node, layout), layout, form.masks, space)

    return Kernel(
        name=name,
        matches=matches,
        lower=lower,
        workspace=lambda node, graph: space_of(node, graph, form.space).size,
        workspace_dtype=form.space,
        cost=products,
        template=f"ops/{name}.h.j2",
    )
