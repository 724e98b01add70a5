"""Operators: kernels against the definition, example models, memory plans, the ONNX reader."""

from __future__ import annotations

from scripts.evidence_topics import formats_fuzzing, operators_kernels
from scripts.evidence_topics.figures import Context, Figure, Task, Topic
from scripts.evidence_topics.operators_conformance import conformance
from scripts.evidence_topics.operators_memory import arena, does_not_fit
from scripts.evidence_topics.operators_models import agreement, examples, export_time, exports
from scripts.evidence_topics.operators_onnx import onnx_exports
from scripts.evidence_topics.operators_recurrent import recurrent

# What a verdict depends on.
CONFORMANCE = (
    "pyexport", "templates", "firmware/harness", "requirements", "scripts/conformance.py",
    "scripts/conformance_cases", "scripts/evidence_topics/operators_conformance.py",
)  # fmt: skip


def _arena(context: Context) -> tuple[Figure, ...]:
    """Plan the example models too; the short part trains none of them."""
    return arena(context) if context.short else arena(context, exports(context))


OPERATORS = Topic(
    name="operators",
    title="Convolutional, residual and recurrent networks",
    introduction=(
        "What [the operators page](../operators.md) lists, drawn at random and at the ends of its "
        "proofs; [how its memory is planned](../memory.md); ONNX files."
    ),
    tasks=(
        *operators_kernels.tasks(),
        Task("conformance", conformance, CONFORMANCE),
        Task("examples", examples),
        Task("agreement", agreement),
        Task("ONNX exports", onnx_exports),
        Task("export time", export_time),
        Task("recurrent", recurrent),
        Task("arena", _arena),
        Task("does not fit", does_not_fit),
        *formats_fuzzing.tasks(("onnx",)),
    ),
)
