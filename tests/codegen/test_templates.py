"""What a template must keep, and what happens when a user puts another one in front."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pyexport.codegen.render import template_environment
from pyexport.errors import UsageError
from pyexport.lower.kernels import KERNELS
from pyexport.resources import resource_dir
from tests.codegen.compile_c import CompiledModel
from tests.codegen.golden_models import tiny_export, tiny_model
from tests.networks import DOZEN, export, export_recipe

TEMPLATES = resource_dir("templates")
COPIES = {  # kernels that add nothing up
    "argmax_u8", "concat", "constant", "encode_delta", "encode_latency", "encode_latency_step",
    "encode_rate", "gather", "max_pool2d", "max_pool2d_ct", "pad", "reduce_max",
    "table_u8",
}  # fmt: skip
OWN = sorted(p.relative_to(TEMPLATES).as_posix() for p in TEMPLATES.rglob("*.j2"))


def override(folder: Path, name: str, text: str) -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.name)
def test_a_kernel_template_keeps_its_contract(kernel: object) -> None:
    """What a replacement must keep: the name it is given, and the trace of each final sum."""
    template = kernel.template  # type: ignore[attr-defined]
    text = (TEMPLATES / template).read_text()
    base = re.match('{% extends "(.*)" %}', text)
    text = (TEMPLATES / base[1]).read_text() + text if base else text
    assert "static inline void {{ function }}(" in text, "call it as predict does"
    while parts := re.findall('{% include "(ops/.*)" %}', text):
        text = text.replace('{% include "' + parts[0] + '" %}', (TEMPLATES / parts[0]).read_text())
    if kernel.name not in COPIES:  # type: ignore[attr-defined]
        assert "{{ upper }}_TRACE(node, " in text, "trace the final sum"
    assert "{{ note }}" in text, "say what it computes"
    assert "PYEXPORT_READ_" in text or "{{ read }}" in text or "table" not in text, (
        "read tables through the macros"
    )


@pytest.mark.parametrize("name", OWN)
def test_templates_hold_no_decision(name: str) -> None:
    text = (TEMPLATES / name).read_text()
    depth, most = 0, 2 if name.startswith("report/") else 1  # HTML has attributes besides
    for keyword in re.findall(r"{%-?\s*(if|endif|for|endfor)\b", text):
        depth += {"if": 1, "endif": -1}.get(keyword, 0)
        assert depth <= most, "an if inside an if belongs into Python"
    for expression in re.findall(r"{{-?(.*?)-?}}", text):
        assert not re.search(r"[-+*/%]", expression), f"arithmetic in {expression}"


@pytest.mark.parametrize("recipe", DOZEN, ids=str)
def test_headers_use_no_call_into_a_library(recipe: object) -> None:
    header = export_recipe(recipe).header  # type: ignore[arg-type]
    code = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
    included = set(re.findall(r"#include <(.*?)>", code))
    assert included == {"stdbool.h", "stdint.h", "avr/pgmspace.h"}
    code = re.sub(r"#.*(\\\n.*)*", "", code)
    words = {"if", "for", "while", "return", "sizeof"}
    called = set(re.findall(r"\b([a-z]\w*)\s*\(", code)) - words
    assert all(name.startswith("net_") for name in called), called
    assert "int64" not in code
    assert "double" not in code


def test_one_file_of_a_users_folder_replaces_ours(tmp_path: Path) -> None:
    own = (TEMPLATES / "ops/linear_q15x.h.j2").read_text()
    folder = override(tmp_path, "ops/linear_q15x.h.j2", "/* mine */\n" + own)
    header = export(tiny_model(), "tiny", templates=folder).header
    assert header.count("/* mine */") == 2  # two layers, two specializations
    told = f" --templates {folder.name}"  # in the command that makes the header again
    assert header.replace("/* mine */\n", "").replace(told, "") == tiny_export("tiny").header


def test_a_users_arithmetic_is_what_runs(tmp_path: Path) -> None:
    own = (TEMPLATES / "ops/linear_q15x.h.j2").read_text()
    folder = override(tmp_path / "t", "ops/linear_q15x.h.j2", own.replace("{{ half }}", "0"))
    exported = export(tiny_model(), "tiny", templates=folder)
    assert not CompiledModel(exported, tmp_path / "c").selftest()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{% if %}", "Expected an expression"),
        ("{{ nothing }}", "'nothing' is undefined"),
        ("{% include 'missing.j2' %}", "missing.j2"),
        ("{{ 1 // 0 }}", "zero"),
        ("{{ function + 1 }}", "str"),
        ("{% include 'ops/linear_q15x.h.j2' %}", "recursion"),
        ("{{ name.x.y }}", "has no attribute"),
    ],
)
def test_a_broken_template_is_one_line_that_names_the_folder(
    tmp_path: Path, text: str, message: str
) -> None:
    folder = override(tmp_path, "ops/linear_q15x.h.j2", text)
    with pytest.raises(UsageError) as caught:
        export(tiny_model(), "tiny", templates=folder)
    assert message in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_template_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "model.h.j2").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="utf-8"):
        export(tiny_model(), "tiny", templates=tmp_path)


def test_a_missing_folder_of_templates_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a folder of templates"):
        export(tiny_model(), "tiny", templates=tmp_path / "nothing")


def test_compiled_templates_are_kept_but_not_those_beside_a_users_folder(tmp_path: Path) -> None:
    assert template_environment() is template_environment()
    assert template_environment(tmp_path) is not template_environment(tmp_path)
