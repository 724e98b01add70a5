"""Headers compile without a warning on every compiler, and a warning is found on each."""

from pathlib import Path

from pyexport.runners.headercheck import check_headers, missing_toolchains, toolchains
from tests.runners.toy import HEADER, faulty


def test_the_toy_header_is_clean_on_every_compiler() -> None:
    findings = check_headers([HEADER])
    absent = {name for name, _ in missing_toolchains()}
    assert [finding for finding in findings if not finding.ok] == []
    assert len(findings) >= (len(toolchains()) - len(absent)) * 3


def test_a_warning_is_found_by_every_compiler(tmp_path: Path) -> None:
    findings = check_headers(
        [faulty(tmp_path, code="int idle = 1;")], standards=("c99",), variants=("plain",)
    )
    assert findings
    assert all(not finding.ok and "idle" in finding.detail for finding in findings)


def test_targets_can_be_chosen() -> None:
    findings = check_headers([HEADER], targets=("cortex-m0",), variants=("plain",))
    assert {finding.name.split()[1] for finding in findings} == {"cortex-m0"}
