"""Tells an artifact from a model file by its first bytes."""

from pathlib import Path


def is_artifact(path: Path) -> bool:
    """Return whether a file is called .px or holds an artifact under another name."""
    if path.suffix == ".px":
        return True
    try:
        if not path.is_file():  # a pipe would block, or lose what is read here
            return False
        with path.open("rb") as file:
            head = file.read(4096)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return False
    return head[8:9] == b"{" and b'"__metadata__"' in head and b'"pyexport"' in head
