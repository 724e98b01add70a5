"""Prints what a model file holds where an export would refuse it, as text and as JSON."""

from typing import Any

from rich.text import Text

from pyexport.cli.common import out, plain_table, say
from pyexport.frontends.contents import Contents
from pyexport.frontends.survey import Part

_TITLES = {"operators": ("module", "operator", "result"), "tensors": ("tensor", "type", "shape")}


def contents_document(contents: Contents) -> dict[str, Any]:
    """Return what `inspect --json` says about a file, exportable or not."""
    return {
        "format": contents.title,
        "producer": contents.producer or None,
        "operators": [_part(part) for part in contents.operators],
        "tensors": [_part(part) for part in contents.tensors],
        "imports": list(contents.imports),
        "parameters": contents.parameters,
        "refusals": list(contents.refusals),
        "left_out": contents.left_out,
    }


def format_line(held: dict[str, Any]) -> str:
    """Return "torch.export archive, torch 2.13.0"."""
    return ", ".join(filter(None, (held["format"], held.get("producer"))))


def print_contents(name: str, contents: Contents, trusted: bool) -> None:
    """Print a file that an export would refuse, and every reason; `trusted` ones may have run."""
    say(f"{name}: {format_line(contents_document(contents))}")
    if contents.parameters:
        say(f"{contents.parameters} numbers in its tensors")
    for key, parts in (("operators", contents.operators), ("tensors", contents.tensors)):
        if parts:
            _table(key, parts)
    if contents.imports:
        inert = "" if trusted else "; nothing of it was run or imported here"
        say(f"\nloading its pickle would import{inert}:")
        for imported in contents.imports:
            say(f"  {imported}")
    if contents.left_out:
        say(f"\nand {contents.left_out} more entries")
    say("")
    for refusal in contents.refusals:
        say(f"an export would refuse this: {refusal}")


def _table(key: str, parts: tuple[Part, ...]) -> None:
    first, what, shape = _TITLES[key]
    say("")
    table = plain_table(f"~{first}", f"~{what}", f"~{shape}", ">numbers")
    for part in parts:
        table.add_row(
            Text(part.name or "forward()"), Text(part.what), Text(_shape(part)), str(part.numbers)
        )
    out.print(table)


def _part(part: Part) -> dict[str, Any]:
    return {
        "name": part.name,
        "what": part.what,
        "shape": list(part.shape),
        "numbers": part.numbers,
    }


def _shape(part: Part) -> str:
    return "x".join(str(n) for n in part.shape) or "scalar"
