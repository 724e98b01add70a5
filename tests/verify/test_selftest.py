"""A self-test that cannot fail is noticed, however it was spoiled."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pyexport
from pyexport.verify import Report
from tests import networks
from tests.networks import Recipe

QUICK = {"suites": ("random",), "random_rows": 20}
RECIPES = {
    "int8": Recipe((6, 5, 3)),
    "softmax": Recipe((6, 3), "none", softmax=True),
    "float32": Recipe((6, 5, 1), scheme="float32"),
}
SPOILED = {
    "it always passes": (r"(_selftest\(void\)\n\{\n)(.*?)(\n\}\n#endif)", r"\1    return true;\3"),
    "the CRC is not looked at": (
        r"if \(\(crc \^ \w+\(0xFFFFFFFF\)\) != (\w+)\)",
        r"if (crc == \1)",
    ),
    "one output is compared": (
        r"(net_predict\(in, out\);\s+for \(i = 0; i < )NET_OUTPUT_SIZE",
        r"\g<1>1",
    ),
    "one vector is compared": (r"v < NET_VECTORS", "v < 1"),
}


def verify_text(folder: Path, recipe: Recipe, edit: tuple[str, str] | None) -> Report:
    pyexport.export(networks.build(recipe), folder, "net", scheme=recipe.scheme)
    header = folder / "net.h"
    if edit is not None:
        text, count = re.subn(*edit, header.read_text(), count=1, flags=re.S)
        assert count == 1
        if "return true;" in edit[1]:  # what it called is unused then
            text = re.sub(r"static inline uint32_t net_crc32\(.*?\n\}\n", "", text, flags=re.S)
        header.write_text(text)
    return pyexport.verify(header, **QUICK)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", RECIPES)
def test_a_right_self_test_refuses_every_changed_header(kind: str, tmp_path: Path) -> None:
    report = verify_text(tmp_path, RECIPES[kind], None)
    assert report.problems == ()
    assert report.selftest is not None
    assert report.selftest.detail == "3 changed headers refused on host"


@pytest.mark.parametrize("what", SPOILED)
def test_a_self_test_that_cannot_fail_is_noticed(what: str, tmp_path: Path) -> None:
    report = verify_text(tmp_path, RECIPES["int8"], SPOILED[what])
    assert all(target.selftest for target in report.targets)
    (problem,) = report.observed
    assert problem.startswith("header: self-test can fail: it passes although")


def test_own_templates_may_leave_the_self_test_out(tmp_path: Path) -> None:
    from dataclasses import replace

    from pyexport.verify import Subject
    from pyexport.verify.selftest import selftest_finding

    made = networks.export_recipe(RECIPES["int8"])
    (tmp_path / "net.h").write_text("/* nothing of a self-test */\n")
    subject = Subject(made.artifact, made.program, tmp_path / "net.h")
    assert not selftest_finding(subject, ("host",), None, None).ok
    own = replace(made.artifact, options=("--templates", "mine"))
    finding = selftest_finding(replace(subject, artifact=own), ("host",), None, None)
    assert finding.ok
    assert finding.detail.startswith("not tried: the header has no table net_linear0_weight")
