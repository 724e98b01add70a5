"""The section on what was reported on, with which tools, and how to get the figures again."""

from __future__ import annotations

import platform

import numpy as np

import pyexport
from pyexport.report.page.blocks import Table, cells, columns, listed
from pyexport.report.page.material import Material
from pyexport.report.page.section import Values


def provenance_values(material: Material) -> Values:
    """Return tables of identity, hashes and tools, and the commands."""
    artifact = material.artifact
    stated = artifact.statements
    facts = [
        cells("identity", artifact.identity),
        cells("arithmetic", f"{artifact.profile} ({artifact.scheme})"),
        cells("source", f"{artifact.source_name} ({artifact.producer})"),
        cells("float model", material.model or "not known"),
        cells("how it was found", material.model_reason),
        cells("ranges", f"{artifact.calibration.kind}, {artifact.calibration.rows:,} rows"),
        cells("rows searched from", material.known.what),
        cells("seed", str(material.seed)),
    ]
    facts += [
        cells(what, text)
        for what, text in (("author", stated.author), ("license", stated.license))
        if text is not None
    ]
    facts += [cells(f"{kind}: taken, not run", name) for kind, name in material.saved.items()]
    tools = [
        cells("pyexport", pyexport.__version__),
        cells("Python", platform.python_version()),
        cells("NumPy", np.__version__),
    ]
    compilers: dict[str, list[str]] = {}
    for target in material.verification["targets"]:
        compilers.setdefault(target["compiler"], []).append(target["target"])
    tools += [cells(name, f"compiler for {listed(names)}") for name, names in compilers.items()]
    hashes = tuple(cells(name, digest) for name, digest in material.hashes.items())
    return {
        "tables": [
            Table("The export", columns("what", "~value"), tuple(facts)),
            Table("SHA-256", columns("file", "~hash"), hashes),
            Table("Tools", columns("tool", "~version or use"), tuple(tools)),
        ],
        "commands": material.commands,
    }
