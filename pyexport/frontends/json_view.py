"""Typed access to parsed JSON of unknown origin: a wrong type is a FileFormatError."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pyexport.errors import FileFormatError
from pyexport.untrusted import printable


@dataclass(frozen=True)
class JsonView:
    """A JSON value and the path to it ("model.pt: models/model.json.graph_module")."""

    value: object
    path: str

    def refuse(self, expected: str) -> FileFormatError:
        """Return the error for a value that is not what the format says."""
        return FileFormatError(f"{self.path} is not {expected}; the file is damaged, save it again")

    def __getitem__(self, key: str) -> JsonView:
        """Return the view of a key that must be there."""
        mapping = self.mapping()
        if key not in mapping:
            raise FileFormatError(f"{self.path} lacks {key!r}; the file is damaged, save it again")
        return JsonView(mapping[key], f"{self.path}.{key}")

    def get(self, key: str) -> JsonView | None:
        """Return the view of a key, or None where it is missing or null."""
        value = self.mapping().get(key)
        return None if value is None else JsonView(value, f"{self.path}.{key}")

    def mapping(self) -> dict[str, object]:
        """Return the value as an object."""
        if not isinstance(self.value, dict):
            raise self.refuse("an object")
        return self.value

    def items(self) -> Iterator[tuple[str, JsonView]]:
        """Yield the keys of an object with the views of their values."""
        for key, value in self.mapping().items():
            yield key, JsonView(value, f"{self.path}.{printable(key)}")

    def only(self) -> tuple[str, JsonView]:
        """Return the key and value of an object with one key (a tagged union)."""
        if len(self.mapping()) != 1:
            raise self.refuse("an object with one key")
        return next(self.items())

    def __iter__(self) -> Iterator[JsonView]:
        """Yield the views of a list's items."""
        if not isinstance(self.value, list):
            raise self.refuse("a list")
        for index, item in enumerate(self.value):
            yield JsonView(item, f"{self.path}[{index}]")

    def text(self) -> str:
        """Return the value as a text."""
        if not isinstance(self.value, str):
            raise self.refuse("a text")
        return self.value

    def flag(self) -> bool:
        """Return the value as a bool."""
        if not isinstance(self.value, bool):
            raise self.refuse("true or false")
        return self.value

    def integer(self) -> int:
        """Return the value as an integer of at most 64 bits."""
        if type(self.value) is not int or abs(self.value) >= 1 << 63:
            raise self.refuse("an integer")
        return self.value

    def size(self) -> int:
        """Return the value as an integer that is not negative."""
        value = self.integer()
        if value < 0:
            raise self.refuse("a size of 0 or more")
        return value

    def number(self) -> float:
        """Return the value as a float."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self.refuse("a number")
        return float(self.integer()) if isinstance(self.value, int) else self.value
