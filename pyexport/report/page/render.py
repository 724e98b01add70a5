"""Prints the page through its templates; every text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jinja2

import pyexport
from pyexport.describe import network_title
from pyexport.report.page.material import Material, Missing
from pyexport.report.page.section import Section
from pyexport.report.page.sections import SECTIONS
from pyexport.report.page.verdict import keys, verdict
from pyexport.resources import resource_dir


@dataclass(frozen=True)
class _Part:
    """One section as it stands on the page."""

    title: str
    key: str
    body: str  # HTML
    missing: str  # why there is none


def render_page(material: Material, sections: Sequence[Section] = SECTIONS) -> str:
    """Return the HTML text: the same material gives the same text."""
    environment = _environment()
    parts = []
    for section in sections:
        values = section.values(material)
        if values is None:
            continue
        body, missing = "", ""
        if isinstance(values, Missing):
            missing = values.reason
        else:
            body = environment.get_template(section.template).render(**values)
        parts.append(_Part(section.title, section.key, body, missing))
    text = environment.get_template("page.html.j2").render(
        name=material.artifact.name,
        title=f"{network_title(material.artifact.graph)}, {material.scheme}",
        subject=material.subject,
        identity=material.artifact.identity,
        version=pyexport.__version__,
        verdict=verdict(material),
        keys=keys(material),
        parts=parts,
    )
    return text.rstrip() + "\n"


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(resource_dir("templates") / "report"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,  # labels, names and paths are of unknown origin
    )
