"""One part of the page, as a record: to add one, write a function and a line in sections.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pyexport.report.page.material import Material, Missing

# What the section's template is given; why the section is empty; or None: it says nothing here.
Values = Mapping[str, Any] | Missing | None


@dataclass(frozen=True)
class Section:
    """A title, a template under templates/report/, and what makes the template's values."""

    title: str
    template: str
    values: Callable[[Material], Values]

    @property
    def key(self) -> str:
        """What links to it are called."""
        return self.title.lower().replace(" ", "-")
