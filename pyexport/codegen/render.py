"""Prints a Program as one C header through the Jinja templates."""

import textwrap
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from pyexport.codegen.context import (
    build_context,
    call_arguments,
    kernel_functions,
    plain_steps,
)
from pyexport.codegen.identifiers import check_model_name, check_program_names
from pyexport.codegen.info import HeaderInfo
from pyexport.codegen.kernels import Helper, kernel_helpers, kernel_values
from pyexport.codegen.text import MAX_LINE, c_float
from pyexport.errors import UsageError
from pyexport.program import Program, Step
from pyexport.resources import resource_dir
from pyexport.targets import Target

# The exponential's constants are printed from here; simulator/float32.py defines the same.
_EXP = {
    "underflow": c_float(-87.0),
    "log2_e": c_float(1.44269502),
    "ln2_high": c_float(0.693359375),
    "ln2_low": c_float(-2.12194442e-4),
    "first": c_float(0.00138888892),
    "rest": [c_float(v) for v in (0.00833333377, 0.0416666679, 0.166666672, 0.5, 1.0, 1.0)],
}


# What an expression in a user's template can raise beside Jinja's own errors.
_TEMPLATE_BUGS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


def render_header(
    program: Program,
    info: HeaderInfo,
    target: Target | None = None,
    templates: Path | None = None,
) -> str:
    """Return the header's text: the same program and info give the same text.

    `templates` is a folder searched before pyexport's own, file by file. Raises UsageError for a
    bad model name, a missing folder, or a template that does not render; UnsupportedModelError for
    a name in the program that C must not see.
    """
    check_model_name(info.name)
    check_program_names(program)
    environment = template_environment(templates)
    context = build_context(program, info, target)
    try:
        kernels, calls, helpers = _bodies(environment, program, context)
        text = environment.get_template("model.h.j2").render(
            **context, kernels=kernels, calls=calls, helpers=helpers
        )
    except jinja2.TemplateError as error:
        raise _template_error(error, templates) from None
    except _TEMPLATE_BUGS as error:
        if templates is None:  # pyexport's own template: a bug of ours
            raise
        raise _template_error(error, templates) from None
    return text.rstrip() + "\n"


def _template_error(error: Exception, templates: Path | None) -> UsageError:
    message = " ".join(str(error).split())
    place = getattr(error, "name", None) or "a template"
    return UsageError(f"{templates or 'templates'}: {place}: {message}")


def template_environment(templates: Path | None = None) -> jinja2.Environment:
    """Return what finds templates: in the folder `templates` first, then among pyexport's own."""
    ours = resource_dir("templates")
    if templates is None:
        return _own_environment(ours)
    if not templates.is_dir():
        raise UsageError(f"{templates}: not a folder of templates")
    return _environment(templates, ours)  # a new one: a file may be new there and hide one of ours


@cache
def _own_environment(folder: Path) -> jinja2.Environment:
    return _environment(folder)  # keeps what it compiled: that takes longer than all the rest


def _environment(*folders: Path) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # C, not HTML; every text was escaped for C comments and strings
    )


def _bodies(
    environment: jinja2.Environment, program: Program, context: dict[str, Any]
) -> tuple[list[str], list[dict[str, str]], list[str]]:
    """Return kernel bodies, calls and helpers: one body for each distinct specialization."""
    functions = kernel_functions(program, context["name"])
    printed: set[str] = set()
    bodies, calls = [], []
    helpers: list[Helper] = []
    for step in plain_steps(program):
        if step.is_free:
            continue
        values, function = kernel_values(step), functions[step.node]
        if function not in printed:
            printed.add(function)
            bodies.append(_render_op(environment, step, values, function, context))
            helpers += [h for h in kernel_helpers(step) if h not in helpers]
        arguments = call_arguments(step, program, context["name"])
        call = f"    {function}({arguments});"
        text = textwrap.fill(call, MAX_LINE, initial_indent="", subsequent_indent="        ")
        calls.append({"text": text, "note": _summary(values)})
    rendered = [
        environment.get_template(template).render(
            **own, name=context["name"], upper=context["upper"], exp=_EXP
        )
        for template, own in helpers
    ]
    return bodies, calls, rendered


def _render_op(
    environment: jinja2.Environment,
    step: Step,
    values: dict[str, Any],
    function: str,
    context: dict[str, Any],
) -> str:
    template = environment.get_template(step.template)
    return template.render(
        **values, function=function, name=context["name"], upper=context["upper"]
    )


def _summary(values: dict[str, Any]) -> str:
    return str(values["note"]).split(":", 1)[0]
