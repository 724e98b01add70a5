"""What the supported chips are: instruction set, memory, compiler flags."""

from pyexport.targets.table import TARGETS, get_target
from pyexport.targets.target import Target, roomy_target

__all__ = ["TARGETS", "Target", "get_target", "roomy_target"]
