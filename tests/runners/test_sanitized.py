"""The sanitized build finds a single byte out of bounds and undefined arithmetic."""

from pathlib import Path

import pytest

from pyexport.errors import CheckFailedError, UsageError
from tests.runners.support import open_toy
from tests.runners.toy import faulty, toy_inputs

COMPILERS = pytest.mark.parametrize("compiler", ["gcc", "clang"])
OVERFLOWS = {
    "input": "{ volatile const uint8_t *p = in; (void)p[4]; }",
    "output": "{ volatile int8_t *p = out; p[2] = 1; }",
    "scratch": "{ volatile unsigned at = 3; scratch[at] = 1; }",
}


@COMPILERS
@pytest.mark.parametrize("buffer", OVERFLOWS)
def test_one_byte_behind_a_buffer_is_found(buffer: str, compiler: str, tmp_path: Path) -> None:
    header = faulty(tmp_path, code=OVERFLOWS[buffer])
    # clang's UBSan sees the size of a local array before ASan sees the access
    pattern = r"(AddressSanitizer: \w+-buffer-overflow at toy.h:70|toy.h:70:\d+: runtime error)"
    with pytest.raises(CheckFailedError, match=pattern):
        open_toy("host-sanitized", header, compiler=compiler).run(toy_inputs(8))


@COMPILERS
def test_signed_overflow_is_found(compiler: str, tmp_path: Path) -> None:
    code = "{ volatile int32_t big = 2147483647; big = big + in[0]; }"
    pattern = r"toy.h:70:\d+: runtime error: signed integer overflow"
    with pytest.raises(CheckFailedError, match=pattern):
        open_toy("host-sanitized", faulty(tmp_path, code=code), compiler=compiler).run(
            toy_inputs(8)
        )


def test_a_finding_of_a_sanitizer_fails_the_check(tmp_path: Path) -> None:
    runner = open_toy("host-sanitized", faulty(tmp_path, code=OVERFLOWS["output"]))
    assert [f.name for f in runner.check() if not f.ok] == ["sanitizers"]


def test_predict_and_predict_scratch_must_agree(tmp_path: Path) -> None:
    edits = (
        (
            "    toy_predict_scratch(in, out, scratch);",
            "    toy_predict_scratch(in, out, scratch);\n    out[0] = 0;",
        ),
    )
    with pytest.raises(CheckFailedError, match="predict and predict_scratch differ on input 0"):
        open_toy("host-sanitized", faulty(tmp_path, edits=edits)).run(toy_inputs(8))


def test_zig_is_refused_because_it_has_no_address_sanitizer() -> None:
    with pytest.raises(UsageError, match="zig has no AddressSanitizer"):
        open_toy("host-sanitized", compiler="zig")
