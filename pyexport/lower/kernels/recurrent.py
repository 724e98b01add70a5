"""What the kernels of LSTM and GRU share: tables, shapes, and what they need beside."""

from pyexport.integer.recurrent import HIDDEN, Recurrent, sum_bounds
from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Lowered
from pyexport.lower.kernels.sums import Params, one_shift, quant, scale_tables
from pyexport.lower.packing import plain_const
from pyexport.program import Const


def lower_recurrent(node: Node, graph: Graph, own: Params) -> Lowered:
    """Return tables and numbers of an LSTM or GRU; `own` are those of one of them."""
    op = recurrent(node)
    steps, n_in = graph.tensor(node.inputs[0]).shape
    source = quant(graph, node.inputs[0])
    bounds = [
        *sum_bounds(op.weight_x, op.bias_x, source),
        *sum_bounds(op.weight_h, op.bias_h, HIDDEN),
    ]
    curves = tuple(
        plain_const(f"{node.name}_{name}", getattr(op, name), "u16", f"{name}(k / 32) in 2^-15")
        for name in ("sigmoid", "tanh")
    )
    return Lowered(
        consts=(*_side(node, "x", n_in), *_side(node, "h", op.size), *curves),
        params=(
            ("steps", steps),
            ("n_in", n_in),
            ("n", op.size),
            ("in_dtype", source.dtype),
            ("sequence", int(op.sequence)),
            ("stateful", int(op.stateful)),
            ("pre_shift_x", op.pre_shift_x),
            ("pre_shift_h", op.pre_shift_h),
            ("shift_x", int(op.shift_x[0]) if one_shift(op.shift_x) else 0),
            ("shift_h", int(op.shift_h[0]) if one_shift(op.shift_h) else 0),
            ("biased_h", int(op.bias_h.any())),
            *own,
        ),
        acc_low=min(bounds),
        acc_high=max(bounds),
        trace_size=2 * steps * op.gates * op.size,
    )


def recurrent(node: Node) -> Recurrent:
    """Return the node's operator; raises TypeError for any other kind."""
    if not isinstance(node.op, Recurrent):
        raise TypeError(f"{node.name} is {node.op.kind}")
    return node.op


def hidden_bytes(node: Node, graph: Graph) -> int:
    """Return the workspace: the hidden values of the next step."""
    return recurrent(node).size


def products(node: Node, graph: Graph) -> int:
    """Return the products of a whole sequence."""
    op = recurrent(node)
    return graph.tensor(node.inputs[0]).shape[0] * int(op.weight_x.size + op.weight_h.size)


def _side(node: Node, side: str, width: int) -> tuple[Const, ...]:
    """Return the tables of the input's products ("x") or of the hidden values' ("h")."""
    op = recurrent(node)
    weight, bias = getattr(op, f"weight_{side}"), getattr(op, f"bias_{side}")
    name = f"{node.name}_{side}"
    shape = f"[{op.gates} gates][{op.size} units][{width}]"
    weights = plain_const(f"{name}_weight", weight, "s8", shape)
    biases: tuple[Const, ...] = (
        plain_const(f"{name}_bias", bias, "s32", "-zero_point * sum(weights) included"),
    )
    if side == "h" and not bias.any():
        biases = ()
    scales = scale_tables(name, getattr(op, f"multiplier_{side}"), getattr(op, f"shift_{side}"))
    return (weights, *biases, *scales)
