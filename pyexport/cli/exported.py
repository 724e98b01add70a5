"""Says what an export wrote: lines for people, or one JSON document."""

from dataclasses import asdict
from pathlib import Path

from pyexport.cli.common import say
from pyexport.pipeline import Export
from pyexport.scoring import accuracy_line, errors_line
from pyexport.untrusted import printable


def print_summary(result: Export, paths: tuple[Path, ...]) -> None:
    """Print files, identity, accuracy and memory."""
    artifact, program = result.artifact, result.program
    for path, what in zip(paths, ("header", "artifact", "manifest"), strict=False):
        say(f"{what:<10}{path}")
    say(f"{'identity':<10}{artifact.identity}")
    accuracy = artifact.accuracy
    if accuracy is not None:
        line = accuracy_line(accuracy, artifact.scheme)
        say(f"{'accuracy':<10}{line} on {accuracy.rows} rows")
    if artifact.errors is not None:
        unit = artifact.statements.output_unit
        line = errors_line(
            artifact.errors, artifact.scheme, None if unit is None else printable(unit)
        )
        say(f"{'errors':<10}{line} on {artifact.errors.rows} rows")
    size_in = sum(program.buffer(b).bytes for b in program.inputs)
    size_out = sum(program.buffer(b).bytes for b in program.outputs)
    say(
        f"{'memory':<10}{program.const_bytes} bytes of tables in flash; RAM: "
        f"{program.arena_bytes} scratch, {size_in} input, {size_out} output"
        + (f", {program.state_bytes} state" if program.states else "")
    )


def export_document(result: Export, paths: tuple[Path, ...]) -> dict[str, object]:
    """Return the same as a document."""
    artifact, accuracy = result.artifact, result.artifact.accuracy
    return {
        "files": [str(path) for path in paths],
        "name": artifact.name,
        "identity": artifact.identity,
        "scheme": artifact.scheme,
        "target": artifact.target,
        "accuracy": None
        if accuracy is None
        else {
            "rows": accuracy.rows,
            "float": accuracy.float_correct / accuracy.rows,
            "exported": accuracy.exported_correct / accuracy.rows,
        },
        "errors": None if artifact.errors is None else asdict(artifact.errors),
        "bytes": {"tables": result.program.const_bytes, "scratch": result.program.arena_bytes},
        "warnings": list(result.warnings),
    }
