"""One step of a recurrent model: the whole sequence's bytes, by every simulator and compiler."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pyexport
from pyexport.artifact import parse_artifact, write_artifact
from pyexport.errors import UsageError
from pyexport.runners import open_runner
from pyexport.simulator import definition
from pyexport.simulator.fast import FastSimulator
from pyexport.simulator.plain import read_plain
from pyexport.simulator.stream import Stream
from pyexport.verify.subject import header_interface
from tests.codegen.compile_c import C99, CXX11, compile_c
from tests.stream.models import KINDS, N_IN, STEPS, exported


def bytes_of(count: int) -> np.ndarray:  # type: ignore[type-arg]
    return np.random.default_rng(3).integers(-128, 128, (count, N_IN)).astype(np.int8)


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_step_gives_the_bytes_of_the_whole_sequence(kind: str) -> None:
    rows = bytes_of(40 * STEPS)
    whole = FastSimulator(exported(kind, stream=False).artifact.graph)
    step = FastSimulator(exported(kind).artifact.graph, STEPS)
    assert np.array_equal(step.run(rows)[STEPS - 1 :: STEPS], whole.run(rows.reshape(40, -1)))


@pytest.mark.parametrize("kind", KINDS)
def test_definition_fast_and_c_agree_on_outputs_and_sums(kind: str, tmp_path: Path) -> None:
    export = exported(kind)
    header, px, _ = export.write(tmp_path)
    rows = bytes_of(30)
    wanted = FastSimulator(export.artifact.graph, 10).trace(rows)
    plain, memory = read_plain(px), None
    for number, row in enumerate(rows.tolist()):
        result = definition.run(plain, row, None if number % 10 == 0 else memory)
        memory = result.memory
        assert result.outputs == wanted.outputs[number].tolist()
        assert list(result.accumulators.values()) == wanted.accumulators[number].tolist()  # type: ignore[index]
    interface = replace(header_interface(export.artifact, export.program), steps=10)
    traced = open_runner("host", header, interface).trace(rows)
    assert np.array_equal(traced.outputs, wanted.outputs)
    assert np.array_equal(traced.accumulators, wanted.accumulators)  # type: ignore[arg-type]


def test_the_artifact_keeps_the_states_and_the_identity_covers_them() -> None:
    artifact = exported("lstm").artifact
    again = parse_artifact(write_artifact(artifact), "net.px")
    assert again.graph.states == artifact.graph.states
    assert [s.name for s in again.graph.states] == ["lstm0_h", "lstm0_c"]
    assert (again.stream, again.identity) == (artifact.stream, artifact.identity)
    assert artifact.identity != exported("lstm", stream=False).artifact.identity


def test_a_stream_steps_and_resets_like_the_device() -> None:
    artifact = exported("gru").artifact
    rows = bytes_of(7)
    stream = pyexport.stream(artifact)
    first = [stream.step_bytes(row) for row in rows]
    assert np.array_equal(first, FastSimulator(artifact.graph).run(rows))
    assert stream.state["gru0_h"].any()
    stream.reset()
    assert not stream.state["gru0_h"].any()
    assert np.array_equal([stream.step_bytes(row) for row in rows], first)


def test_simulate_takes_one_stream_or_many_sequences() -> None:
    artifact = exported("gru").artifact
    reals = np.random.default_rng(1).uniform(-2, 2, (4, STEPS, N_IN))
    many = pyexport.simulate(artifact, reals)
    assert many.shape == (4, STEPS, 4)
    assert np.array_equal(many[2], pyexport.simulate(artifact, reals[2]))


def test_a_model_without_states_has_no_stream() -> None:
    with pytest.raises(UsageError, match="stream=True"):
        Stream(exported("gru", stream=False).artifact.graph)


def test_the_accuracy_is_that_of_the_last_steps() -> None:
    whole, step = exported("two", stream=False).artifact, exported("two").artifact
    assert step.accuracy == whole.accuracy
    assert step.samples is not None
    assert step.samples.targets is not None
    assert len(step.samples.inputs) == STEPS * len(step.samples.targets)


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_passes_its_verification(kind: str) -> None:
    report = pyexport.verify(exported(kind), random_rows=200)
    assert report.problems == ()


def test_the_self_test_passes_twice_and_finds_a_missing_reset(tmp_path: Path) -> None:
    export = exported("gru")
    (tmp_path / "net.h").write_text(export.header)
    stale = export.header.replace(
        "net_reset(&state); /* every", "if (v == 0) net_reset(&state); /*"
    )
    assert stale != export.header
    (tmp_path / "stale.h").write_text(stale)
    main = '#define NET_SELFTEST\n#include "{}.h"\nint main() {{ return {}; }}\n'
    for name, expected in (("net", "net_selftest() && net_selftest() ? 0 : 1"),
                           ("stale", "net_selftest() ? 1 : 0")):  # fmt: skip
        source = tmp_path / f"{name}.cpp"
        source.write_text(main.format(name, expected))
        compile_c([source], tmp_path / name, ("g++", *CXX11, "-O1"))
        assert subprocess.run([tmp_path / name]).returncode == 0


def test_two_streams_do_not_disturb_each_other(tmp_path: Path) -> None:
    export = exported("lstm")
    (tmp_path / "net.h").write_text(export.header)
    (tmp_path / "main.c").write_text(
        '#include "net.h"\n'
        "int main(void)\n{\n"
        "    net_state_t a, b, c;\n"
        "    int8_t in[NET_INPUT_SIZE] = {5, -90, 100}, other[NET_INPUT_SIZE] = {-120, 7, 1};\n"
        "    int8_t x[NET_OUTPUT_SIZE], y[NET_OUTPUT_SIZE], z[NET_OUTPUT_SIZE];\n"
        "    net_reset(&a);\n    net_reset(&b);\n    net_reset(&c);\n"
        "    for (int i = 0; i < 9; i++) {\n"
        "        net_step(&a, in, x);\n        net_step(&b, other, y);\n"
        "        net_step(&c, in, z);\n"
        "        for (int k = 0; k < NET_OUTPUT_SIZE; k++) {\n"
        "            if (x[k] != z[k]) {\n                return 1;\n            }\n"
        "        }\n    }\n"
        "    return x[0] == y[0] && x[1] == y[1];\n}\n"
    )
    compile_c([tmp_path / "main.c"], tmp_path / "main", ("gcc", *C99, "-O1"))
    assert subprocess.run([tmp_path / "main"]).returncode == 0
