"""NIR files become steps of dt; what they do not say is asked, and broken ones are refused."""

from __future__ import annotations

import io
import random
import warnings
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest
import torch
from torch import nn

from pyexport.errors import FileFormatError, PyexportError, UsageError
from pyexport.frontends import load_model
from pyexport.frontends.contents import read_contents
from pyexport.frontends.nir_lowering import parse_nir
from pyexport.frontends.snn_options import SnnOptions
from pyexport.ir import Lif
from pyexport.reference import evaluate
from pyexport.snn import LIF, Encode, Readout, from_snntorch, save_nir

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import snntorch
    from snntorch.export_nir import export_to_nir

ALL = SnnOptions("zero", 1e-4, 6, "direct", "count")


def network(encoding: str | None, alpha: bool = False, **rule: Any) -> nn.Sequential:
    torch.manual_seed(4)
    n_in = 6 if encoding == "delta" else 3

    def lif(n: int, last: bool) -> LIF:
        more = {"alpha": torch.rand(n) * 0.6} if alpha else {}
        return LIF(torch.rand(n) * 0.95, torch.rand(n) + 0.5, membranes=last, **more, **rule)

    encode = []
    if encoding == "delta":
        encode = [Encode("delta", threshold=0.25)]
    elif encoding is not None:
        encode = [Encode(encoding, 8, low=0.5, high=2.0)]
    layers = [nn.Linear(n_in, 6), lif(6, False), nn.Linear(6, 3, bias=False), lif(3, True)]
    with torch.no_grad():
        for layer in layers[::2]:
            layer.weight *= 4.0
    return nn.Sequential(*encode, *layers, Readout("count"))


RULES = [
    ({}, "direct"), ({}, "rate"), ({}, "latency"), ({}, "delta"), ({}, None),
    ({"reset": "zero"}, "direct"), ({"reset": "none"}, "direct"),
    ({"reset": "carry", "reset_delay": False}, "direct"),
    ({"reset_delay": False}, "direct"),
    ({"reset": "zero", "reset_delay": False, "v_reset": -0.25}, "direct"),
    ({"alpha": True}, "direct"), ({"alpha": True, "reset": "zero"}, "rate"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "encoding"), RULES)
def test_our_own_file_says_everything(
    rule: dict[str, Any], encoding: str | None, tmp_path: Path
) -> None:
    net = network(encoding, **rule)
    save_nir(net, tmp_path / "m.nir", steps=8)
    graph = load_model(tmp_path / "m.nir").graph
    ops = [node.op for node in graph.nodes if isinstance(node.op, Lif)]
    for op, module in zip(ops, (m for m in net if isinstance(m, LIF)), strict=True):
        assert np.array_equal(op.beta, module.beta.numpy())  # float32 survives dt / (1 - beta)
        assert (op.reset, op.v_reset) == (module.rule.reset, module.rule.v_reset)
        assert op.reset_delay == (module.rule.reset_delay and op.reset != "none")
    x = torch.rand((20, 8, 3) if encoding in (None, "delta") else (20, 3)) * 2
    scores = net(x).detach().numpy()
    assert scores.max() > 1
    stated = (0.5, 2.0) if encoding in ("rate", "latency") else None  # what the encoder takes
    assert graph.input.declared_range == stated
    found = evaluate(graph, x.numpy())[graph.output.name]
    np.testing.assert_allclose(found, scores, atol=1e-5)


def snntorch_net() -> nn.Sequential:
    torch.manual_seed(6)
    first, second = nn.Linear(5, 8), nn.Linear(8, 4)
    with torch.no_grad():
        first.weight *= 3.0
        second.weight *= 3.0
    leaky = snntorch.Leaky(torch.rand(8) * 0.9, threshold=torch.rand(8) + 0.5, init_hidden=True)
    rest = {"threshold": torch.rand(4) + 0.5, "init_hidden": True, "output": True}
    return nn.Sequential(
        first, leaky, second, snntorch.Synaptic(torch.rand(4) * 0.9, torch.rand(4) * 0.9, **rest)
    )


def test_what_snntorch_writes_fires_as_its_network_does(tmp_path: Path) -> None:
    net = snntorch_net()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of nirtorch, about a function that snnTorch calls
        nir.write(tmp_path / "m.nir", export_to_nir(net, torch.rand(5)))
    said = SnnOptions("subtract-delayed", 1e-4, 12, "steps", "count")
    graph = load_model(tmp_path / "m.nir", snn=said).graph
    ours = from_snntorch(net, steps=None, encoding=None, readout="count")
    x = torch.rand(30, 12, 5) * 2
    scores = ours(x).detach().numpy()
    assert scores.sum() > 100
    found = evaluate(graph, x.numpy())[graph.output.name]
    assert np.array_equal(np.floor(found), np.floor(scores))
    np.testing.assert_allclose(found, scores, atol=1e-5)


def chain(
    *nodes: nir.NIRNode, n_in: int = 2, n_out: int = 2, metadata: dict[str, Any] | None = None
) -> bytes:
    """Return the file of nodes in a row behind two inputs."""
    named = {f"n{i}": node for i, node in enumerate(nodes)}
    ends = (nir.Input({"input": np.array([n_in])}), nir.Output({"output": np.array([n_out])}))
    names = ["in", *named, "out"]
    graph = nir.NIRGraph(
        {"in": ends[0], **named, "out": ends[1]},
        [(names[i], names[i + 1]) for i in range(len(names) - 1)],
        metadata=metadata or {},
        type_check=False,
    )
    return written(graph)


def written(graph: nir.NIRGraph) -> bytes:
    buffer = io.BytesIO()
    nir.write(buffer, graph)
    return buffer.getvalue()


def linear() -> nir.NIRNode:
    return nir.Affine(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, 0.0]))


def lif(**changed: Any) -> nir.NIRNode:
    ones = np.ones(2)
    given = {"tau": 4e-4 * ones, "r": 2 * ones, "v_leak": 0 * ones, "v_threshold": 3 * ones}
    return nir.LIF(**{**given, "v_reset": 0 * ones, **changed})


def only_lif(data: bytes, options: SnnOptions = ALL) -> tuple[Lif, np.ndarray, np.ndarray]:
    graph = parse_nir(data, "m.nir", "m.nir", options).graph
    (op,) = [node.op for node in graph.nodes if isinstance(node.op, Lif)]
    (conv,) = [node.op for node in graph.nodes if node.op.kind == "conv2d"]
    return op, conv.weight[:, 0, 0], conv.bias


def test_time_constants_become_factors_and_a_gain_that_is_folded() -> None:
    op, weight, bias = only_lif(chain(linear(), lif(v_leak=np.array([0.0, 1.0]))))
    assert op.beta.tolist() == [0.75, 0.75]  # 1 - dt / tau
    assert weight.tolist() == [[0.5, 1.0], [1.5, 2.0]]  # times r * dt / tau
    assert bias.tolist() == [0.25, 0.25]  # and a leak towards 1


def test_integrate_and_fire_keeps_all_and_a_leaky_integrator_is_read_by_its_membrane() -> None:
    ones = np.ones(2)
    op, weight, _ = only_lif(chain(linear(), nir.IF(1e4 * ones, ones, 0 * ones)))
    assert op.beta.tolist() == [1.0, 1.0]
    assert weight.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    data = chain(linear(), nir.LI(4e-4 * ones, ones, 0 * ones))
    said = SnnOptions(None, 1e-4, 6, "direct", "membrane_last")
    op, *_ = only_lif(data, said)
    assert (op.reset, op.beta.tolist()) == ("none", [0.75, 0.75])
    with pytest.raises(PyexportError, match="n1 is a LI, which never fires"):
        parse_nir(data, "m.nir", "m.nir", ALL)


def test_the_user_comes_before_the_file_and_a_neuron_before_the_graph() -> None:
    notes = {"pyexport_reset": "none", "pyexport_dt": 2e-4, "pyexport_steps": 3}
    mine = lif(metadata={"pyexport_reset": "subtract", "somebody": "else"})
    data = chain(linear(), mine, metadata=notes)
    op, *_ = only_lif(data, SnnOptions(encoding="direct", readout="count"))
    assert (op.reset, op.reset_delay, op.beta[0]) == ("subtract", False, 0.5)
    op, *_ = only_lif(data, ALL)
    assert (op.reset, op.beta[0]) == ("zero", 0.75)


@pytest.mark.parametrize(
    ("without", "words"),
    [
        ("reset", r"n1 \(LIF\): NIR does not say the reset; give --snn-reset"),
        ("dt", r"n1 \(LIF\): NIR does not say the dt; give --snn-dt"),
        ("steps", "NIR does not say the steps; give --snn-steps"),
        ("encoding", "NIR does not say the encoding; give --snn-encoding"),
        ("readout", "NIR does not say the readout; give --snn-readout"),
    ],
)
def test_what_is_not_said_is_asked_and_never_guessed(without: str, words: str) -> None:
    said = {"reset": "zero", "dt": 1e-4, "steps": 6, "encoding": "direct", "readout": "count"}
    options = SnnOptions(**{key: value for key, value in said.items() if key != without})
    with pytest.raises(PyexportError, match=words):
        parse_nir(chain(linear(), lif()), "m.nir", "m.nir", options)


TWO = np.ones(2)
REFUSED = {
    "no neurons": (lambda: chain(linear()), "must end with neurons"),
    "no linear": (lambda: chain(lif()), r"n0 \(LIF\) has no Linear or Affine before it"),
    "two linear": (lambda: chain(linear(), linear(), lif()), "follows n0 without neurons"),
    "other": (lambda: chain(nir.Scale(TWO), linear(), lif()), "n0 is a Scale, which is not read"),
    "inputs": (
        lambda: chain(linear(), lif(), nir.Linear(np.ones((2, 3))), lif()),
        "n2 .Linear. takes 3 inputs, not 2",
    ),
    "fast": (lambda: chain(linear(), lif(tau=5e-5 * TWO)), "a time constant below a step"),
    "nan": (lambda: chain(linear(), lif(r=np.nan * TWO)), "n1.r has 2 NaN values"),
    "infinite": (lambda: chain(linear(), lif(tau=np.inf * TWO)), "n1.tau has 2 infinite values"),
    "threshold": (
        lambda: chain(linear(), lif(v_threshold=-TWO)),
        "a threshold that is not above 0",
    ),
    "reset": (
        lambda: chain(linear(), lif(v_reset=np.array([0.0, 0.5]))),
        "resets to another value than 0",
    ),
    "sizes": (
        lambda: chain(linear(), nir.LIF(*(np.ones(3) for _ in range(5)))),
        "n1 .LIF. has no r for 2 neurons",
    ),
    "inner": (
        lambda: chain(linear(), nir.NIRGraph({"a": nir.Scale(TWO)}, [], type_check=False), lif()),
        "node n1 is a graph itself",
    ),
    "notes": (
        lambda: chain(linear(), lif(), metadata={"pyexport_encoding": "morse"}),
        "its metadata snn-encoding morse is unknown",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_network_that_cannot_be_read_is_refused_in_one_line(name: str) -> None:
    make, words = REFUSED[name]
    with pytest.raises(PyexportError, match=words) as caught:
        parse_nir(make(), "m.nir", "m.nir", ALL)
    assert "\n" not in str(caught.value)


def test_joins_and_loops_are_refused() -> None:
    ends = {
        "in": nir.Input({"input": np.array([2])}),
        "out": nir.Output({"output": np.array([2])}),
    }
    nodes = {**ends, "a": linear(), "b": lif()}
    for edges, words in (
        ([("in", "a"), ("a", "b"), ("b", "a"), ("b", "out")], "joins or branches at b -> a"),
        ([("in", "a"), ("a", "out")], "no chain from the input to the output"),
        ([("in", "a"), ("a", "b"), ("b", "c")], "an edge names b -> c"),
    ):
        with pytest.raises(FileFormatError, match=words):
            data = written(nir.NIRGraph(nodes, list(edges), type_check=False))
            parse_nir(data, "m.nir", "m.nir", ALL)


def changed(change: Any) -> bytes:
    """Return a good file after something was done to it."""
    buffer = io.BytesIO(chain(linear(), lif()))
    with h5py.File(buffer, "r+") as file:
        change(file)
    return buffer.getvalue()


def replaced(name: str, value: Any) -> Any:
    def change(file: Any) -> None:
        del file[name]
        file[name] = value

    return change


def huge(file: Any) -> None:
    del file["node/nodes/n0/weight"]
    file.create_dataset("node/nodes/n0/weight", (1 << 20, 1 << 20), "f4", chunks=(1 << 10, 1 << 10))


def long_type(file: Any) -> None:
    del file["node/type"]
    file.create_dataset("node/type", (), "S2000000000")  # nothing of it lies in the file


HOSTILE = {
    "link to another file": (
        replaced("node/nodes/n0/weight", h5py.ExternalLink("/etc/passwd", "/")),
        "weight is a link",
    ),
    "soft link": (replaced("node/nodes/n0", h5py.SoftLink("/node")), "n0 is a link"),
    "group in itself": (lambda f: f["node/nodes"].__setitem__("n9", f["node"]), "a graph itself"),
    "huge": (huge, "it states more than"),
    "huge text": (long_type, "it states more than"),
    "counts as edges": (replaced("node/edges", np.full((2, 2), 1 << 34)), "no list of pairs"),
    "long edges": (replaced("node/edges", [["x" * 2000, "y"]]), "longer than 1000 letters"),
    "objects": (replaced("node/nodes/n0/weight", np.zeros(2, "V8")), "no number and no text"),
    "no group": (replaced("node/nodes", 3), "nodes is no group"),
    "no edges": (lambda f: f["node"].__delitem__("edges"), "has no edges"),
    "edges of numbers": (replaced("node/edges", np.zeros((2, 3))), "no list of pairs"),
    "no type": (replaced("node/nodes/n0/type", 3), "a text that is none"),
    "long type": (replaced("node/nodes/n0/type", "x" * 10**6), "a text that is none, or longer"),
    "a layer as the graph": (replaced("node/type", "LIF"), "it holds a LIF"),
    "many fields": (
        lambda f: [f["node/nodes/n0"].__setitem__(f"f{i}", 1.0) for i in range(60)],
        "over 40 fields",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_one_line(name: str) -> None:
    change, words = HOSTILE[name]
    with pytest.raises(FileFormatError, match=words) as caught:
        parse_nir(changed(change), "m.nir", "m.nir", ALL)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_every_cut_and_many_flipped_bytes_are_read_or_refused() -> None:
    data = chain(linear(), lif())
    dice = random.Random(1)
    for i in range(300):
        bad = bytearray(data[: dice.randrange(len(data))] if i % 3 == 0 else data)
        for _ in range(dice.choice((1, 4, 32))):
            if bad:
                bad[dice.randrange(len(bad))] = dice.randrange(256)
        try:
            parse_nir(bytes(bad), "m.nir", "m.nir", ALL)
        except PyexportError as error:
            assert "\n" not in str(error)


def test_options_for_nir_beside_another_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.pt2"
    torch.export.save(torch.export.export(nn.Linear(2, 2), (torch.zeros(1, 2),)), path)
    with pytest.raises(UsageError, match=r"is no NIR file; leave the options --snn-\.\.\. out"):
        load_model(path, snn=ALL)


def test_inspect_lists_the_nodes_of_a_nir_file(tmp_path: Path) -> None:
    (tmp_path / "m.nir").write_bytes(chain(linear(), lif()))
    contents = read_contents(tmp_path / "m.nir")
    assert contents.title == "NIR graph of a spiking network"
    assert [part.what for part in contents.operators] == ["Input", "Affine", "LIF", "Output"]
    assert "n0.weight" in [part.name for part in contents.tensors]
    assert contents.refusals == ()


@pytest.mark.parametrize(("node", "n_in", "n_out"), [("in", 3, 2), ("out", 2, 5)])
def test_ends_of_another_width_than_the_layers_are_refused(
    node: str, n_in: int, n_out: int
) -> None:
    data = chain(linear(), lif(), n_in=n_in, n_out=n_out)
    with pytest.raises(PyexportError, match=f"{node} .*states the shape .*, but n. "):
        parse_nir(data, "m.nir", "m.nir", ALL)


def test_a_range_of_the_user_leaves_the_encoder_of_a_file_alone(tmp_path: Path) -> None:
    save_nir(network("rate"), tmp_path / "m.nir")
    graph = load_model(tmp_path / "m.nir", snn=SnnOptions(input_range=(0.0, 9.0))).graph
    assert (graph.nodes[0].op.low, graph.nodes[0].op.high) == (0.5, 2.0)
