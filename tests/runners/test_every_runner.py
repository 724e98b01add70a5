"""Each runner computes the toy network exactly as plain Python does."""

from pathlib import Path

import numpy as np
import pytest

from pyexport.errors import CheckFailedError, ToolFailedError, UsageError
from pyexport.runners import RUNNER_NAMES
from tests.runners.support import open_toy
from tests.runners.toy import faulty, toy_batch, toy_inputs

EVERY = pytest.mark.parametrize("name", RUNNER_NAMES)


@EVERY
def test_outputs_classes_and_accumulators_equal_plain_python(name: str) -> None:
    inputs = toy_inputs(500)
    outputs, accumulators = toy_batch(inputs)
    runner = open_toy(name)
    plain, traced = runner.run(inputs), runner.trace(inputs)
    assert np.array_equal(plain.outputs, outputs)
    assert plain.outputs.dtype == np.int8
    assert plain.classes is not None
    assert np.array_equal(plain.classes, np.argmax(outputs, axis=1))
    assert plain.accumulators is None
    assert np.array_equal(traced.outputs, outputs)
    assert traced.accumulators is not None
    assert traced.accumulators.dtype == np.int32
    assert np.array_equal(traced.accumulators, accumulators)


@EVERY
def test_argmax_takes_the_lowest_index_of_a_tie(name: str) -> None:
    vectors = np.array([[5, 5], [-128, -128], [127, 127], [4, 5], [5, 4], [-1, 0]], np.int8)
    assert open_toy(name).argmax(vectors).tolist() == [0, 0, 0, 1, 0, 1]


@EVERY
def test_an_empty_batch_gives_empty_results(name: str) -> None:
    runner = open_toy(name)
    result = runner.trace(np.zeros((0, 4), np.uint8))
    assert result.outputs.shape == (0, 2)
    assert result.accumulators is not None
    assert result.accumulators.shape == (0, 5)
    assert runner.argmax(np.zeros((0, 2), np.int8)).shape == (0,)


@EVERY
def test_the_header_tests_itself_and_a_changed_weight_fails_it(name: str, tmp_path: Path) -> None:
    assert open_toy(name).selftest() is True
    changed = faulty(tmp_path, edits=(("12, -7, 33", "112, -7, 33"),))
    assert open_toy(name, changed).selftest() is False


@EVERY
def test_inputs_of_another_type_or_width_are_refused(name: str) -> None:
    runner = open_toy(name)
    with pytest.raises(UsageError, match=r"inputs must be \(uint8, n x 4\), not \(int8, 3 x 4\)"):
        runner.run(np.zeros((3, 4), np.int8))
    with pytest.raises(UsageError, match=r"not \(uint8, 3 x 5\)"):
        runner.run(np.zeros((3, 5), np.uint8))


@EVERY
def test_every_static_check_passes_on_a_sound_header(name: str) -> None:
    findings = open_toy(name).check()
    assert findings
    assert [finding for finding in findings if not finding.ok] == []


@EVERY
def test_a_byte_written_behind_the_output_is_caught(name: str, tmp_path: Path) -> None:
    header = faulty(tmp_path, code="((volatile int8_t *)out)[2] = 1;")
    with pytest.raises(CheckFailedError, match=r"toy.h: .*(overwritten|overflow|status 1)"):
        open_toy(name, header).run(toy_inputs(8))


@EVERY
def test_an_input_that_predict_changes_is_caught(name: str, tmp_path: Path) -> None:
    header = faulty(tmp_path, code="*(volatile uint8_t *)(uintptr_t)&in[3] ^= 1u;")
    with pytest.raises(CheckFailedError, match=r"toy.h: .*(changed its input|was given was over)"):
        open_toy(name, header).run(toy_inputs(8))


@EVERY
def test_a_const_cast_away_does_not_compile(name: str, tmp_path: Path) -> None:
    header = faulty(tmp_path, code="*(uint8_t *)&in[3] = 1u;")
    with pytest.raises(ToolFailedError, match=r"toy.h:70:.*qual"):
        open_toy(name, header).run(toy_inputs(8))


@EVERY
def test_a_trace_record_that_comes_twice_is_caught(name: str, tmp_path: Path) -> None:
    header = faulty(tmp_path, code="TOY_TRACE(1, 0, 0);")
    with pytest.raises(CheckFailedError, match="twice"):
        open_toy(name, header).trace(toy_inputs(8))


@EVERY
def test_a_missing_trace_record_is_caught(name: str, tmp_path: Path) -> None:
    header = faulty(tmp_path, edits=(("TOY_TRACE(1, row, acc);", ""),))
    with pytest.raises(CheckFailedError, match=r"missing|3 of 5"):
        open_toy(name, header).trace(toy_inputs(8))


@EVERY
def test_a_trace_record_of_an_unknown_node_is_caught(name: str, tmp_path: Path) -> None:
    header = faulty(tmp_path, code="TOY_TRACE(2, 0, 0);")
    with pytest.raises(CheckFailedError, match="does not have"):
        open_toy(name, header).trace(toy_inputs(8))


@EVERY
def test_a_warning_in_the_header_fails_with_the_compilers_line(name: str, tmp_path: Path) -> None:
    header = faulty(tmp_path, code="int idle = 1;")
    with pytest.raises(ToolFailedError, match=r"toy.h:70:.*error:.*idle"):
        open_toy(name, header).run(toy_inputs(8))


@EVERY
def test_a_header_of_other_sizes_is_refused(name: str, tmp_path: Path) -> None:
    edits = (("#define TOY_INPUT_SIZE 4", "#define TOY_INPUT_SIZE 5"),)
    with pytest.raises(ToolFailedError, match="other sizes than its artifact"):
        open_toy(name, faulty(tmp_path, edits=edits)).run(toy_inputs(8))
