"""Spiking layers: the twin is the definition, proved limits hold, and false ones are refused."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from pyexport.artifact import read_artifact, write_artifact
from pyexport.integer import BY_TYPE
from pyexport.integer.facts import snn_facts
from pyexport.integer.membranes import current_bounds, reached, settled
from pyexport.integer.spiking import QuantizedLif
from pyexport.ir import Graph, Node, QuantParams, Tensor
from pyexport.simulator import definition
from pyexport.simulator.fast import FastSimulator
from pyexport.simulator.plain import read_plain
from pyexport.tensorfile import read_tensorfile
from scripts.kernel_cases.spiking_nets import INPUTS, MODES, draw_lif, draw_net
from scripts.kernel_cases.zoo import artifact_of


def rows(graph: Graph, seed: int, count: int = 4) -> Any:
    quant = graph.input.quant
    assert quant is not None
    random = np.random.default_rng(seed)
    drawn = random.integers(quant.low, quant.high + 1, (count, graph.input.size))
    drawn[0], drawn[1] = quant.low, quant.high
    return drawn.astype(np.uint8 if quant.dtype == "u8" else np.int8)


@pytest.mark.parametrize("part", range(4))
def test_the_twin_is_the_definition_and_a_file_keeps_every_field(part: int) -> None:
    kinds = set()
    for seed in range(60):
        graph = draw_net(Random(f"net {part} {seed}"))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "net.px"
            path.write_bytes(write_artifact(artifact_of(graph, rows=rows(graph, seed))))
            model, again = read_plain(path), read_artifact(path).graph
        result = FastSimulator(again).trace(rows(graph, seed))
        assert result.accumulators is not None
        for row, output, sums in zip(
            rows(graph, seed), result.outputs, result.accumulators, strict=True
        ):
            defined = definition.run(model, row.tolist())
            assert defined.outputs == output.tolist()
            assert list(defined.accumulators.values()) == sums.tolist()
        kinds |= {
            (n.op.reset, n.op.reset_delay) for n in graph.nodes if isinstance(n.op, QuantizedLif)
        }
    assert kinds == set(MODES)


def alone(op: QuantizedLif, source: QuantParams) -> Graph:
    shape = (op.steps, op.weight.shape[1])
    made = (op.steps, op.size)
    tensors = [Tensor("x", shape, source.dtype, source)]
    node = Node("lif", op, ("x",), ("s", "u"))
    spikes = QuantParams("u8", 1.0, 0, 0, 1)
    tensors += [Tensor("s", made, "u8", spikes), Tensor("u", made, op.membrane.dtype, op.membrane)]
    return Graph(tuple(tensors), (node,), ("x",), ("s",))


@pytest.mark.parametrize("seed", range(60))
def test_no_membrane_leaves_what_was_proved(seed: int) -> None:
    """Driven by the inputs that charge or drain the most, and by chance."""
    random = Random(f"proof {seed}")
    source = random.choice(INPUTS)
    op = draw_lif(random, 6, 3, source, True)
    op = replace(
        op, low=-(2**31), high=2**31 - 1, synaptic=op.synaptic[:0], refractory=0, saturating=True
    )
    current = current_bounds(op.weight, op.bias, op.fraction, source)
    bounds = reached(op, current, op.steps)
    forever = settled(op, current)
    ends = (
        np.where(op.weight[0] > 0, source.high, source.low),
        np.where(op.weight[0] > 0, source.low, source.high),
    )
    generator = np.random.default_rng(seed)
    x = generator.integers(source.low, source.high + 1, (40, 6, 3))
    for row in range(20):
        x[row] = np.where(generator.random((6, 1)) < 0.5, ends[0], ends[1])
    x[0], x[1] = ends
    traced = FastSimulator(alone(op, source))
    tested = traced.trace(x.reshape(40, -1).astype(np.int64)).accumulators
    assert tested is not None
    each = tested.reshape(40, 6, op.size)
    assert (each.min(axis=(0, 1)) >= bounds[0]).all() and (each.max(axis=(0, 1)) <= bounds[1]).all()
    if forever is not None:
        assert (bounds[0] >= forever[0]).all() and (bounds[1] <= forever[1]).all()
    if op.reset == "none" and not op.bias[0]:  # nothing but leak and current: the bound is reached
        assert each[0, :, 0].max(initial=0) == bounds[1][0]


CLAIMS: dict[str, dict[str, Any]] = {
    "limits that it can leave": {"high": 40, "threshold": np.array([9, 9], np.int32)},
    "a weight of -128": {"weight": np.full((2, 3), -128, np.int8)},
    "a leak of 16 bits": {"leak": np.array([3, 16], np.int32)},
    "a factor for wide membranes": {"shift_leak": False, "high": 70000},
    "a threshold of nothing": {"threshold": np.array([0, 9], np.int32)},
    "a threshold above every membrane": {"threshold": np.array([9, 2**29 + 1], np.int32)},
    "a reset of its own": {"reset": "soft"},
    "a delayed carry": {"reset": "carry"},
    "refractory with a delayed reset": {"refractory": 1},
    "a v_reset of another reset": {"v_reset": np.array([-1, 0], np.int32)},
    "a current that leaves 31 bits": {"bias": np.array([2**30, 0], np.int32)},
    "other steps": {"steps": 4},
    "a fraction of 9 bits": {"fraction": 9},
    "a flag that is a number": {"saturating": 1},
    "a unit of nothing": {"unit": np.zeros(2)},
}  # fmt: skip


def legal() -> QuantizedLif:
    return QuantizedLif(
        np.array([[3, -5, 7], [1, 2, 3]], np.int8), np.zeros(2, np.int32),
        np.array([90, 9], np.int32), np.array([3, 2], np.int32), np.zeros(0, np.int32),
        np.zeros(2, np.int32), np.full(2, 0.5), 5, 2, True, True, "subtract", True, "gt", 0,
        -(2**29), 2**29, 0, False, True, False,
    )  # fmt: skip


def check(op: QuantizedLif) -> None:
    graph = alone(op, QuantParams("u8", 1.0, 0, 0, 255))
    shape = (5, 3)  # of x: what an operator says of its steps must be true
    tensors = [replace(graph.tensor("x"), shape=shape), graph.tensor("s"), graph.tensor("u")]
    BY_TYPE[QuantizedLif].check(op, tensors[:1], tensors[1:])


def test_what_was_not_changed_is_legal() -> None:
    check(legal())


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_false_claim_is_refused(claim: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        check(replace(legal(), **CLAIMS[claim]))


def test_without_a_leak_the_steps_of_a_sequence_are_the_proof_and_a_stream_has_none() -> None:
    """10 steps of at most 255 * 4 * 10 and a threshold of 90 taken each time."""
    op = replace(
        legal(), leak=np.full(2, 32768, np.int32), shift_leak=False, fraction=0, reset="none"
    )
    op = replace(op, low=-6375, high=12750)  # 5 * 255 * -5, 5 * 255 * 10
    check(op)
    with pytest.raises(ValueError, match="can leave its limits"):
        check(replace(op, high=12749))
    with pytest.raises(ValueError, match="can leave its limits"):
        check(replace(op, stateful=True))
    assert settled(op, current_bounds(op.weight, op.bias, 0, INPUTS[0])) is None


def test_a_file_says_steps_encoding_and_readout() -> None:
    told = set()
    for seed in range(40):
        graph = draw_net(Random(f"facts {seed}"))
        facts = snn_facts(graph)
        assert facts is not None and facts["neurons"] > 0
        told.add(facts["encoding"])
        data = write_artifact(artifact_of(graph, rows=rows(graph, seed)))
        metadata, _ = read_tensorfile(data, "net.px")
        assert json.loads(metadata["pyexport"])["graph"]["snn"] == facts
    assert told == {"direct", "rate", "latency", "delta", "events"}


def test_a_delayed_reset_to_zero_loses_the_synaptic_current_too() -> None:
    """As snnTorch's Synaptic does; the current itself goes on."""
    op = replace(
        legal(), weight=np.array([[50, 0, 0], [50, 0, 0]], np.int8), fraction=0, reset="zero",
        threshold=np.array([60, 30], np.int32), leak=np.full(2, 1, np.int32), membranes=True,
        synaptic=np.full(2, 1, np.int32), synaptic_limit=2**20,
    )  # fmt: skip
    x = np.zeros((1, 15), np.uint8)
    x[0, 0] = 1
    values, sums = FastSimulator(alone(op, QuantParams("u8", 1.0, 0, 0, 255))).values(x)
    assert sums[0].reshape(5, 2).T.tolist() == [[50, 50, 38, 26, 17], [50, 0, 13, 14, 11]]
    assert values["s"].reshape(5, 2).T.tolist() == [[0, 0, 0, 0, 0], [1, 0, 0, 0, 0]]
