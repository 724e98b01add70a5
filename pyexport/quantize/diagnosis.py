"""How messages name a node, and what they say of one that no kernel computes."""

from pyexport.ir import Affine, Clamp, Node, Op


def node_title(node: Node) -> str:
    """Return the node's name with its module path: "linear0 (net.fc1)"."""
    return f"{node.name} ({node.source})" if node.source else node.name


def no_kernel(op: Op, scheme: str) -> str:
    """Return why an operator cannot be exported by itself, and the ways out."""
    if isinstance(op, Clamp):
        return (
            "an activation (relu, relu6, hardtanh, clamp) is part of the linear layer before it, "
            f"and {scheme} has no kernel for one alone; put it behind a linear layer, or apply it "
            "to the input before calling predict"
        )
    if scheme == "float32" and not isinstance(op, Affine):
        return f"float32 has no kernel for {op.kind}; use int8"
    return (
        f"{op.kind} has no {scheme} kernel unless a linear layer is beside it to take it in; "
        "move it there, or leave it out"
    )
