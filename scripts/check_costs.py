#!/usr/bin/env python3
"""Holds `inspect --cost` against the emulators: python scripts/check_costs.py MODEL... [options].

A model is a file, or a, b, b4 or c: the networks of the benchmark. Estimates and counts are the
mean of the same few rows; the error is that of the estimate.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

import pyexport
from pyexport.errors import PyexportError, UsageError
from pyexport.ir import Model
from pyexport.targets import TARGETS
from pyexport.targets.costs import read_costs
from scripts.benchmark_models import NETWORKS, load_network
from scripts.evidence_topics.kernel_costs import GOALS, compared, quantized
from scripts.options import Options


def main() -> int:
    """Print one line a model, goal and target; returns 2 for a mistake in the command line."""
    known = [target.name for target in TARGETS if read_costs(target.name) is not None]
    parser = Options(__doc__)
    parser.add_argument("models", nargs="+", help="files, or a, b, b4, c")
    parser.add_argument("--targets", nargs="+", default=known, help="default: all with a table")
    try:
        arguments = parser.parse_args()
        for name in arguments.targets:
            if name not in known:
                raise UsageError(f"{name} has no table of costs; there are {', '.join(known)}")
        models = [(name, _model(name)) for name in arguments.models]
    except PyexportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    errors = []
    for name, model in models:
        for goal, lanes in GOALS:
            artifact = quantized(model, goal, lanes, 4 if name == "b4" else 8)
            for target in arguments.targets:
                found = compared(artifact, model.metadata, target)
                if found.error is None:
                    why = "a kernel without a price" if found.fits else "too large"
                    print(f"{name} {target} {goal}: {why}", flush=True)
                    continue
                errors.append(found.error)
                print(
                    f"{name} {target} {goal}: counted {found.counted:,.0f}, estimated "
                    f"{found.estimated:,.0f}, {found.error:+.1f} %",
                    flush=True,
                )
    if errors:
        sizes = np.abs(errors)
        print(f"{len(errors)} exports: mean {sizes.mean():.1f} %, worst {sizes.max():.1f} %")
    return 0


def _model(name: str) -> Model:
    return load_network(name).model if name in NETWORKS else pyexport.load(Path(name))


if __name__ == "__main__":
    sys.exit(main())
