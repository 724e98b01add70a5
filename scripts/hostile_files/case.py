"""One hostile file, its harmless twin, how they are used, and how that must end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

EXPORTS = "exports"
REFUSED = "refused"
ARCH = ("--arch", "3-4r-2")  # of the clean network

MODEL = "model"  # given to inspect and export
SAMPLES = "samples"  # calibration rows of the clean model, and rows for simulate
ARTIFACT = "artifact"  # given to inspect, simulate and verify
HEADER = "header"  # given to verify, with a good artifact beside it


@dataclass(frozen=True)
class Case:
    """A hostile file and a twin that differs from it in the hostile part alone."""

    name: str
    hostile: bytes
    twin: bytes
    ends: str = REFUSED  # of the hostile file: refused in one line, or exported with nothing run
    options: tuple[str, ...] = ()  # of export, for files of weights alone
    twin_ends: str = EXPORTS  # REFUSED for a kind of file that no reader opens, hostile or not
    use: str = MODEL
    beside: Mapping[str, bytes] = field(default_factory=dict)  # suffix and content: {".toml": ...}
    twin_beside: Mapping[str, bytes] = field(default_factory=dict)

    def hostile_files(self) -> dict[str, bytes]:
        """Return the hostile file and what lies beside it, by name."""
        return {self.name: self.hostile} | self._named(self.beside)

    def twin_files(self) -> dict[str, bytes]:
        """Return the twin and what lies beside it."""
        return {self.name: self.twin} | self._named(self.twin_beside)

    def entry(self) -> dict[str, object]:
        """Return what the index says about the case."""
        return {
            "hostile": self.ends,
            "twin": self.twin_ends,
            "options": self.options,
            "use": self.use,
        }

    def _named(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        stem = Path(self.name)
        return {stem.with_suffix(suffix).name: content for suffix, content in files.items()}
