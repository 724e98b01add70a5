"""The manifest NAME.json: what an export was made of, for people's records and for scripts."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import pyexport
from pyexport.artifact import Artifact
from pyexport.integer import BY_TYPE
from pyexport.integer.facts import snn_facts
from pyexport.ir import Graph, Node
from pyexport.program import Program, Step
from pyexport.statements import NOTHING, statements_document


def manifest_text(
    artifact: Artifact,
    program: Program,
    warnings: Sequence[str],
    files: Mapping[str, bytes],
) -> str:
    """Return the JSON text: what was exported, from what, with which hashes, sizes and proofs."""
    accuracy = artifact.accuracy
    document = {
        "pyexport": pyexport.__version__,
        "name": artifact.name,
        "identity": artifact.identity,
        "scheme": artifact.scheme,
        "profile": artifact.profile,
        "target": artifact.target,
        "source": {
            "name": artifact.source_name,
            "sha256": artifact.source_sha256,
            "producer": artifact.producer,
        },
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        "calibration": {"kind": artifact.calibration.kind, "rows": artifact.calibration.rows},
        "accuracy": None
        if accuracy is None
        else {
            "rows": accuracy.rows,
            "float": accuracy.float_correct / accuracy.rows,
            "exported": accuracy.exported_correct / accuracy.rows,
        },
        "bytes": {
            "tables": program.const_bytes,
            "scratch": program.arena_bytes,
            "scratch_lower_bound": program.arena_lower_bound,
            "input": sum(program.buffer(b).bytes for b in program.inputs),
            "output": sum(program.buffer(b).bytes for b in program.outputs),
        },
        **({"stream": _stream(artifact, program)} if artifact.stream is not None else {}),
        "layers": [
            {
                "node": step.node,
                "kernel": step.kernel,
                "accumulator": [step.acc_low, step.acc_high],
            }
            for step in program.steps
            if isinstance(step, Step)
        ],
        "certificates": {"accumulators_fit_int32": _accumulators_fit(artifact)},
        "warnings": list(warnings),
    }
    if (facts := snn_facts(artifact.graph, artifact.steps)) is not None:
        document["snn"] = facts
    if artifact.errors is not None:
        document["errors"] = asdict(artifact.errors)
    if artifact.more_statements != NOTHING:
        document["statements"] = statements_document(artifact.more_statements)
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def _is_proved(node: Node, graph: Graph) -> bool:
    """Return whether the operator's own check holds, the proof of its sums among it."""
    inputs = [graph.tensor(name) for name in node.inputs]
    outputs = [graph.tensor(name) for name in node.outputs]
    try:
        BY_TYPE[type(node.op)].check(node.op, inputs, outputs)
    except ValueError:
        return False
    return True


def _accumulators_fit(artifact: Artifact) -> bool | None:
    """Return whether every partial sum is proved to be an int32; None where sums are floats."""
    if artifact.scheme != "int8":
        return None
    return all(_is_proved(node, artifact.graph) for node in artifact.graph.nodes)


def _stream(artifact: Artifact, program: Program) -> dict[str, object]:
    """Return what is kept between steps, and how rows are read as steps."""
    assert artifact.stream is not None  # the caller's
    return {
        **asdict(artifact.stream),
        "state_bytes": program.state_bytes,
        "state": {
            slot.name: {
                "dtype": program.buffer(slot.read).dtype,
                "size": program.buffer(slot.read).size,
            }
            for slot in program.states
        },
    }
