"""Names and texts from outside cannot leave their place in the C."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyexport.codegen import render_header
from pyexport.codegen.identifiers import (
    RESERVED,
    check_model_name,
    comment_text,
    string_literal,
)
from pyexport.describe import header_info
from pyexport.errors import UnsupportedModelError, UsageError
from pyexport.ir import Clamp
from pyexport.pipeline import Export, ExportOptions
from pyexport.program import Step
from tests.codegen.compile_c import C99, CXX11, CompiledModel, compile_c
from tests.networks import chain, export, layer

HOSTILE = (
    "*/ int evil;",
    "/* */ int evil; /*",
    '"); int evil; ("',
    "back\\slash\\",
    "new\nline\r\n#error evil",
    "??/",
    "???/",
    "????/\n",
    "#include <evil.h>",
    "%s %n {{ evil }} {% raise %}",
    "Grüße, 数字 \N{PILE OF POO}",
    "\x00\x01\x7f\x9b",
    "half \ud800 pair",
    "12\\0013",
)


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_keywords_of_c_and_cpp_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="C"):
        check_model_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "1net",
        "_net",
        "a b",
        "a-b",
        "a.b",
        "a/b",
        "../a",
        "né",
        "a\n",
        "a" * 64,
        "x;int y",
        "a\0",
    ],
)
def test_what_is_no_identifier_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        ExportOptions(name)
    assert "\n" not in str(caught.value)
    assert "--name" in str(caught.value)


@pytest.mark.parametrize("name", ["pyexport", "PyExport", "PYEXPORT"])
def test_the_prefix_of_the_shared_macros_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="clash"):
        check_model_name(name)


@pytest.mark.parametrize("name", ["a", "Digits", "net_2", "x" * 63])
def test_an_identifier_is_taken_as_it_is(name: str) -> None:
    assert check_model_name(name) == name


@given(st.text() | st.text(alphabet="*/?\\\"'\n (="))
def test_a_comment_text_cannot_end_the_comment_or_the_line(text: str) -> None:
    comment = comment_text(text)
    assert re.fullmatch(r"[ -~]*", comment)
    for forbidden in ("*/", "/*", "??", "\\"):
        assert forbidden not in comment


@given(st.text() | st.text(alphabet="?/\\\"'\n0x"))
def test_a_string_literal_holds_the_text_in_utf8(text: str) -> None:
    literal = string_literal(text)
    assert re.fullmatch(r'"(?:[ !#-\[\]-~]|\\[0-3][0-7][0-7])*"', literal)
    assert "?" not in literal
    octal = re.sub(r"\\([0-3][0-7][0-7])", lambda m: chr(int(m[1], 8)), literal[1:-1])
    assert octal.encode("latin-1") == text.encode("utf-8", "replace")


def hostile_export() -> Export:
    labels = HOSTILE
    model = chain(
        3,
        [layer(3, 4, 1), Clamp(0.0, 6.0), layer(4, len(labels), 2)],
        labels=labels,
        unit="".join(HOSTILE),
        source_name="a; touch evil $(id) `id` '*/ \\\n.pt",
        sources=["*/ int evil; /*", "act", "???/"],
    )
    return export(model, "hostile")


def test_hostile_texts_compile_without_a_warning(tmp_path: Path) -> None:
    CompiledModel(hostile_export(), tmp_path)  # gcc, C99, where trigraphs are alive
    (tmp_path / "h.c").write_text('#define HOSTILE_SELFTEST\n#include "hostile.h"\nint x;\n')
    for command in (("g++", *CXX11), ("clang", *C99, "-Wdocumentation", "-Wcomment", "-trigraphs")):
        compile_c([tmp_path / "h.c"], tmp_path / "h.o", (*command, "-c"))


def test_hostile_labels_arrive_byte_for_byte(tmp_path: Path) -> None:
    exported = hostile_export()
    (tmp_path / "hostile.h").write_text(exported.header)
    (tmp_path / "labels.c").write_text(
        '#include <stdio.h>\n#include "hostile.h"\nint main(void)\n{\n'
        "    return fwrite(hostile_labels, sizeof hostile_labels, 1, stdout) == 1 ? 0 : 1;\n}\n"
    )
    compile_c([tmp_path / "labels.c"], tmp_path / "labels", ("gcc", *C99))
    table = subprocess.run([tmp_path / "labels"], capture_output=True, check=True).stdout
    rows = np.frombuffer(table, np.uint8).reshape(len(HOSTILE), -1)
    for row, label in zip(rows, HOSTILE, strict=True):
        text = label.encode("utf-8", "replace")
        assert bytes(row) == text + b"\0" * (len(row) - len(text))


def test_a_hostile_file_name_is_quoted_for_the_shell() -> None:
    line = next(x for x in hostile_export().header.splitlines() if "scripts/export.py" in x)
    assert line.count("'") >= 2
    assert line.index("'") < line.index("touch")


@pytest.mark.parametrize("name", ["x;int evil(void)", "x\n#include <evil.h>", "*/", "int", "", "X"])
@pytest.mark.parametrize("place", ["buffer", "const", "node"])
def test_a_program_name_that_is_not_pyexports_own_never_becomes_c(place: str, name: str) -> None:
    exported = export(chain(3, [layer(3, 2), layer(2, 2)]))
    program = exported.program
    if place == "buffer":
        buffers = (replace(program.buffers[0], name=name), *program.buffers[1:])
        program = replace(program, buffers=buffers)
    elif place == "const":
        consts = (replace(program.consts[0], name=name), *program.consts[1:])
        program = replace(program, consts=consts)
    else:
        first = program.steps[0]
        assert isinstance(first, Step)
        program = replace(program, steps=(replace(first, node=name), *program.steps[1:]))
    with pytest.raises(UnsupportedModelError, match="cannot stand in C") as caught:
        render_header(program, header_info(exported.artifact, exported.program, None))
    assert "\n" not in str(caught.value)
