"""Exports a model: python scripts/export.py model.pt. Works from a checkout, nothing installed.

Takes the options of `pyexport export`. Without --output and --firmware it writes into the current
folder, and makes the model the one that the checkout's firmware/ runs; the last line says so.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pyexport.cli import main  # the checkout must be on the path first

ROOT = Path(__file__).resolve().parent.parent


def default_places(arguments: list[str]) -> list[str]:
    """Return the options to add to those of the command line: where the files go."""
    named = [word.partition("=")[0] for word in arguments]
    if not arguments or {"--output", "--firmware", "--package", "--help"} & set(named):
        return []
    if not (ROOT / "firmware" / "platformio.ini").is_file():  # not a whole checkout
        return []
    return ["--output", ".", "--firmware", _shortest(ROOT / "firmware")]


def _shortest(folder: Path) -> str:
    here = Path.cwd()
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)


if __name__ == "__main__":
    sys.argv[1:] = ["export", *default_places(sys.argv[1:]), *sys.argv[1:]]
    main()
