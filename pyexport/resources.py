"""Finds templates/ and firmware/ beside the package (a checkout) or inside it (a wheel)."""

from pathlib import Path

from pyexport.errors import UsageError

_PACKAGE = Path(__file__).resolve().parent


def resource_dir(name: str) -> Path:
    """Return the folder `name` ("templates" or "firmware"); raises UsageError if it is missing."""
    for candidate in (_PACKAGE / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise UsageError(f"pyexport's folder {name}/ is missing beside the package; reinstall pyexport")
