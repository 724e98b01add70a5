"""Rewrites of the float graph, each a function Graph -> Graph, in the order of PIPELINE."""

from collections.abc import Callable

from pyexport.ir import Graph
from pyexport.passes.canonical_names import canonical_names
from pyexport.passes.constant_operands import constant_operands
from pyexport.passes.dead_code import dead_code
from pyexport.passes.drop_identity import drop_identity
from pyexport.passes.drop_reshapes import drop_reshapes
from pyexport.passes.fold_affine import fold_affine
from pyexport.passes.fold_constants import fold_constants
from pyexport.passes.fuse_activation import fuse_activation
from pyexport.passes.own_outputs import own_outputs
from pyexport.passes.place_permutes import place_permutes

__all__ = ["PIPELINE", "canonical_names", "run_passes"]

Pass = Callable[[Graph], Graph]

PIPELINE: tuple[Pass, ...] = (
    drop_identity,  # first: a dropout between two layers must not hide a fusion
    fold_constants,
    place_permutes,  # before all that looks at neighbours: a permutation hides them, too
    drop_reshapes,  # likewise
    constant_operands,
    fold_affine,  # before activations are fused: a clamp between linear and affine blocks the fold
    fuse_activation,
    drop_reshapes,  # an affine that is gone may have been what needed one
    dead_code,
    own_outputs,  # behind drop_reshapes, which would take the copies out again
    canonical_names,  # last: names follow the operators that are left
)


def run_passes(graph: Graph) -> Graph:
    """Return the graph after every pass of PIPELINE."""
    for rewrite in PIPELINE:
        graph = rewrite(graph)
    return graph
