"""How messages name a node, and what they say of one that no kernel computes."""

from pyexport.errors import UnsupportedOperatorError
from pyexport.ir import Activation, Affine, Clamp, Graph, LayerNorm, MatMul, Node, Op


def node_title(node: Node) -> str:
    """Return the node's name with its module path: "linear0 (net.fc1)"."""
    return f"{node.name} ({node.source})" if node.source else node.name


def refuse_without_kernel(graph: Graph, kernels: tuple[type[Op], ...], scheme: str) -> None:
    """Raise UnsupportedOperatorError for the first node that is not of these operators."""
    for node in graph.nodes:
        if not isinstance(node.op, kernels):
            raise UnsupportedOperatorError(f"{node_title(node)}: {no_kernel(node.op, scheme)}")


def no_kernel(op: Op, scheme: str) -> str:
    """Return why an operator cannot be exported by itself, and the ways out."""
    if isinstance(op, Clamp):
        return (
            "an activation (relu, relu6, hardtanh, clamp) is part of the linear layer before it, "
            f"and {scheme} has no kernel for one alone; put it behind a linear layer, or apply it "
            "to the input before calling predict"
        )
    if isinstance(op, Affine):
        return (
            f"{op.kind} has no {scheme} kernel unless a linear layer is beside it to take it in; "
            "move it there, or leave it out"
        )
    name = op.function if isinstance(op, Activation) else op.kind
    return f"{scheme} has no kernel for {name}; {_way_out(op, scheme)}"


def _way_out(op: Op, scheme: str) -> str:
    if isinstance(op, LayerNorm):
        return "use BatchNorm, which is folded into the weights"
    if scheme == "float32" and not isinstance(op, MatMul):
        return "use int8"
    return "build the model from operators that have one: docs/operators.md lists them"
