"""The digits models that evidence is measured on: trained once, exported each time."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np

import pyexport
from pyexport.artifact import Artifact
from pyexport.ir import Array
from pyexport.simulator.fast import FastSimulator
from pyexport.verify import Subject, SuiteOptions, build_suites, subject_from_header
from scripts.evidence_topics.figures import Context


def trained(context: Context, seed: int = 0) -> Path:
    """Return the digits model of a seed, trained if it is not there yet."""
    script = context.root / "scripts" / "train_digits.py"
    pins = context.root / "requirements" / "constraints.txt"
    key = hashlib.sha256(script.read_bytes() + pins.read_bytes()).hexdigest()[:12]
    path = context.folder / f"digits-{key}-seed{seed}.pt"
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another topic may be training it
        if not path.exists():
            context.say(f"training seed {seed}")
            unfinished = path.with_suffix(".tmp.pt")
            command = [sys.executable, str(script), "--seed", str(seed)]
            command += ["--output", str(unfinished)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            unfinished.replace(path)
    return path


def exported(context: Context, seed: int = 0, folder_name: str = "export") -> Subject:
    """Return the export of a seed's model: header and artifact on disk.

    folder_name: of its own for each topic, for topics may run at the same time
    """
    folder = context.folder / f"{folder_name}-seed{seed}"
    pyexport.export(trained(context, seed), folder, "digits")
    return subject_from_header(folder / "digits.h")


def digits_rows(artifact: Artifact) -> Array:
    """Return all 1,797 images of scikit-learn's digits as the device takes them."""
    from sklearn.datasets import load_digits

    return np.asarray(load_digits().data).astype(FastSimulator(artifact.graph).input_dtype)


def random_rows(artifact: Artifact, count: int) -> Array:
    """Return uniform random rows of legal bytes."""
    (suite,) = build_suites(artifact, ("random",), SuiteOptions(random=count))
    return suite.rows
