"""The firmware in memory, built once a process, and a link to it."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from pyexport.artifact import Artifact, read_artifact
from pyexport.runners import HeaderInterface
from pyexport.verify.subject import header_interface, lower_artifact
from scripts.link_simulator import FIRMWARE, Device, build_device

PX = FIRMWARE / "include" / "example" / "digits.px"


@cache
def device() -> Device:
    """Return the device; it keeps what it did in a test before, until it is reset."""
    folder = Path(tempfile.mkdtemp(prefix="pyexport-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Device(build_device(folder))


@cache
def artifact() -> Artifact:
    """Return the model that the firmware runs before any export."""
    return read_artifact(PX)


def interface() -> HeaderInterface:
    """Return the interface of that model's header."""
    return header_interface(artifact(), lower_artifact(artifact()))
