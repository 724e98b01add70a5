"""The .px file: round trip, identity, and every kind of damage refused in one line."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyexport.artifact import (
    Artifact,
    Samples,
    Vectors,
    read_artifact,
    write_artifact,
)
from pyexport.errors import FileFormatError
from pyexport.ir import Graph, Linear, QuantizedLinear, State
from pyexport.scores import Accuracy
from pyexport.simulator.fast import FastSimulator
from pyexport.statements import NOTHING, Statements
from pyexport.tensorfile import RawTensor, read_tensorfile, write_tensorfile
from tests.networks import DOZEN, Recipe, build, export, export_recipe


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    return export_recipe(Recipe((6, 5, 3), "relu6", True)).artifact


def reread(data: bytes, folder: Path) -> Artifact:
    path = folder / "net.px"
    path.write_bytes(data)
    return read_artifact(path)


def refused(data: bytes, folder: Path) -> str:
    with pytest.raises(FileFormatError) as caught:
        reread(data, folder)
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder / "net.px") in message
    return message


def rewritten(data: bytes, edit: Callable[[dict[str, Any]], object]) -> bytes:
    """Return the file with its JSON edited."""
    metadata, tensors = read_tensorfile(data, "test")
    document = json.loads(metadata["pyexport"])
    edit(document)
    return write_tensorfile({"pyexport": json.dumps(document)}, tensors)


@pytest.mark.parametrize("recipe", DOZEN, ids=str)
def test_reading_returns_what_was_written(recipe: Recipe, tmp_path: Path) -> None:
    written = export_recipe(recipe).artifact
    data = write_artifact(written)
    read = reread(data, tmp_path)
    assert read.identity == written.identity
    assert write_artifact(read) == data
    for a, b in zip(read.graph.nodes, written.graph.nodes, strict=True):
        assert (a.name, a.inputs, a.outputs, a.source) == (b.name, b.inputs, b.outputs, b.source)
        for key, value in vars(b.op).items():
            assert np.array_equal(getattr(a.op, key), value), key
    assert read.graph.tensors == written.graph.tensors
    assert (read.labels, read.accuracy, read.calibration) == (
        written.labels, written.accuracy, written.calibration
    )  # fmt: skip
    rows = read.vectors.inputs
    assert np.array_equal(FastSimulator(read.graph).run(rows), read.vectors.outputs)


def test_two_exports_give_equal_bytes(artifact: Artifact) -> None:
    again = export_recipe(Recipe((6, 5, 3), "relu6", True)).artifact
    assert write_artifact(again) == write_artifact(artifact)


def changed_op(artifact: Artifact, field: str, index: int = 0) -> Artifact:
    node = next(n for n in artifact.graph.nodes if hasattr(n.op, field))
    value = getattr(node.op, field)
    if isinstance(value, np.ndarray):
        value = value.copy()
        value.flat[index] = value.flat[index] + 1 if value.flat[index] < 100 else 0
    else:
        value = value + 1
    op = replace(node.op, **{field: value})  # type: ignore[type-var]
    nodes = tuple(replace(n, op=op) if n is node else n for n in artifact.graph.nodes)
    return replace(artifact, graph=replace(artifact.graph, nodes=nodes))


@pytest.mark.parametrize(
    "field",
    [
        "weight", "bias", "multiplier", "shift", "pre_shift", "weight_scale", "acc_low",
        "acc_high", "table",
    ],
)  # fmt: skip
def test_the_identity_changes_with_every_parameter(artifact: Artifact, field: str) -> None:
    assert changed_op(artifact, field).identity != artifact.identity
    assert changed_op(artifact, field, -1).identity != artifact.identity or field == "pre_shift"


@pytest.mark.parametrize("field", ["scale", "zero_point", "low", "high"])
def test_the_identity_changes_with_every_number_of_a_tensor(artifact: Artifact, field: str) -> None:
    for i, tensor in enumerate(artifact.graph.tensors):
        assert tensor.quant is not None
        value = getattr(tensor.quant, field)
        moved = {"scale": value * 1.0000001, "high": value - 1}.get(field, value + 1)
        other = replace(tensor, quant=replace(tensor.quant, **{field: moved}))
        tensors = tuple(other if j == i else t for j, t in enumerate(artifact.graph.tensors))
        assert replace(artifact, graph=replace(artifact.graph, tensors=tensors)).identity != (
            artifact.identity
        )


def test_the_identity_ignores_names_labels_data_and_module_paths(artifact: Artifact) -> None:
    nodes = tuple(replace(n, source="elsewhere") for n in artifact.graph.nodes)
    same = replace(
        artifact,
        name="other",
        graph=replace(artifact.graph, nodes=nodes),
        source_name="other.pt",
        source_sha256="00" * 32,
        producer="other",
        statements=Statements(labels=("a", "b", "c"), input_unit="volt"),
        accuracy=Accuracy(1, 1, 1),
        samples=None,
    )
    assert same.identity == artifact.identity


def test_float32_parameters_and_limits_are_in_the_identity() -> None:
    recipe = Recipe((6, 5, 3), "relu6", scheme="float32")
    artifact = export_recipe(recipe).artifact
    for field in ("weight", "bias", "low", "high"):
        assert changed_op(artifact, field).identity != artifact.identity
    assert isinstance(artifact.graph.nodes[0].op, Linear)
    assert artifact.graph.nodes[1].op.high == math.inf  # type: ignore[attr-defined]


@pytest.mark.parametrize("limit", [1e300, 0.1])
def test_a_limit_that_is_no_float32_is_refused(limit: float, tmp_path: Path) -> None:
    artifact = export_recipe(Recipe((6, 5, 3), "relu6", scheme="float32")).artifact
    first, *rest = artifact.graph.nodes
    assert isinstance(first.op, Linear)
    nodes = (replace(first, op=replace(first.op, high=limit)), *rest)
    changed = replace(artifact, graph=replace(artifact.graph, nodes=nodes))
    assert "no float32 values" in refused(write_artifact(changed), tmp_path)


def test_a_truncated_file_is_refused_wherever_it_ends(artifact: Artifact, tmp_path: Path) -> None:
    data = write_artifact(artifact)
    ends = {0, 1, 7, 8, 9, len(data) // 2, len(data) - 1, *range(0, len(data), 97)}
    for end in sorted(ends):
        refused(data[:end], tmp_path)


def test_a_longer_file_is_refused(artifact: Artifact, tmp_path: Path) -> None:
    assert "belong to no tensor" in refused(write_artifact(artifact) + b"x", tmp_path)


def test_a_flipped_bit_of_a_parameter_breaks_the_identity(
    artifact: Artifact, tmp_path: Path
) -> None:
    data = write_artifact(artifact)
    metadata, tensors = read_tensorfile(data, "test")
    for name, tensor in tensors.items():
        if name.startswith(("vectors.", "samples.")):
            continue
        for position in (0, len(tensor.data) - 1):
            body = bytearray(tensor.data)
            body[position] ^= 1
            damaged = {**tensors, name: RawTensor(tensor.dtype, tensor.shape, bytes(body))}
            message = refused(write_tensorfile(metadata, damaged), tmp_path)
            assert "identity" in message or "damaged" in message, name


def test_any_flipped_byte_is_refused_or_harmless(artifact: Artifact, tmp_path: Path) -> None:
    data = write_artifact(artifact)
    random = np.random.default_rng(0)
    for position in random.integers(0, len(data), 300).tolist():
        body = bytearray(data)
        body[position] ^= 1 << int(random.integers(8))
        try:
            read = reread(bytes(body), tmp_path)
        except FileFormatError as error:
            assert "\n" not in str(error)
        else:
            assert read.identity == artifact.identity


def drop(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda document: document.pop(key)


KEYS = [
    "format", "name", "scheme", "profile", "identity", "source", "producer", "calibration",
    "accuracy", "labels", "input_unit", "graph",
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_a_missing_statement_is_refused(artifact: Artifact, key: str, tmp_path: Path) -> None:
    refused(rewritten(write_artifact(artifact), drop(key)), tmp_path)


@pytest.mark.parametrize("value", [5, 1.5, "text", [1], {"a": 1}, True], ids=repr)
@pytest.mark.parametrize("key", KEYS)
def test_a_statement_of_another_type_is_refused(
    artifact: Artifact, key: str, value: Any, tmp_path: Path
) -> None:
    if isinstance(value, str) and key in ("name", "producer", "input_unit"):
        return  # a text is what belongs there
    refused(rewritten(write_artifact(artifact), lambda d: d.update({key: value})), tmp_path)


def rename_tensor(document: dict[str, Any], old: str, new: str) -> None:
    """Rename a tensor wherever the graph speaks of it, so that only its name is wrong."""
    graph = document["graph"]
    for tensor in graph["tensors"]:
        tensor["name"] = new if tensor["name"] == old else tensor["name"]
    for node in graph["nodes"]:
        for ends in ("inputs", "outputs"):
            node[ends] = [new if name == old else name for name in node[ends]]


WRONG: dict[str, Callable[[dict[str, Any]], object]] = {
    "hostile name": lambda d: d.update(name="a b*/"),
    "too few labels": lambda d: d.update(labels=["one"]),
    "label that is no text": lambda d: d.update(labels=["a", 2, "c"]),
    "accuracy beyond its rows": lambda d: d["accuracy"].update(float_correct=10**9),
    "accuracy of no rows": lambda d: d["accuracy"].update(rows=0),
    "unknown scheme": lambda d: d.update(scheme="int4"),
    "unknown operator": lambda d: d["graph"]["nodes"][0].update(kind="conv"),
    "endless scale": lambda d: d["graph"]["tensors"][0].update(scale=10**400),
    "negative scale": lambda d: d["graph"]["tensors"][0].update(scale=-1),
    "limits beyond the type": lambda d: d["graph"]["tensors"][0].update(high=256),
    "shape beyond every number": lambda d: d["graph"]["tensors"][0].update(shape=[1e300, 1e300]),
    "unknown type": lambda d: d["graph"]["tensors"][0].update(dtype="s4"),
    "missing tensor": lambda d: d["graph"]["tensors"].pop(),
    "two inputs": lambda d: d["graph"].update(inputs=["input", "output"]),
    "target that is no text": lambda d: d.update(target=5),
    "tensor name that is C": lambda d: rename_tensor(d, "linear0_out", "x;int evil(void)"),
    "tensor name of two lines": lambda d: rename_tensor(d, "linear0_out", "x\n#include <evil.h>\n"),
    "tensor name that ends a comment": lambda d: rename_tensor(d, "linear0_out", "*/ evil /*"),
    "tensor name with a newline at its end": lambda d: rename_tensor(d, "linear0_out", "x\n"),
    "tensor name in another script": lambda d: rename_tensor(d, "linear0_out", "größe"),
    "tensor name without end": lambda d: rename_tensor(d, "linear0_out", "x" * 1000),
    "node name that is C": lambda d: d["graph"]["nodes"][2].update(name="x);evil("),
    "node name that is no text": lambda d: d["graph"]["nodes"][2].update(name=["x"]),
    "node name of a number": lambda d: d["graph"]["nodes"][2].update(name=7),
    "activation that is no number": lambda d: d["graph"]["nodes"][0].update(activation=["a", 6]),
    "activation upside down": lambda d: d["graph"]["nodes"][0].update(activation=[6, 0]),
    "activation without limits": lambda d: d["graph"]["nodes"][0].pop("activation"),
    "calibration without rows": lambda d: d["calibration"].update(rows=None),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_statement_is_refused(artifact: Artifact, case: str, tmp_path: Path) -> None:
    refused(rewritten(write_artifact(artifact), WRONG[case]), tmp_path)


def forged(artifact: Artifact, **arrays: Any) -> bytes:
    """Return the file of an artifact whose first layer has other arrays and a right identity."""
    node = artifact.graph.nodes[0]
    assert isinstance(node.op, QuantizedLinear)
    nodes = (replace(node, op=replace(node.op, **arrays)), *artifact.graph.nodes[1:])
    return write_artifact(replace(artifact, graph=replace(artifact.graph, nodes=nodes)))


@pytest.mark.parametrize(
    "arrays",
    [
        {"weight": np.zeros((5, 7), np.int8)},
        {"weight": np.full((5, 6), -128, np.int8)},
        {"weight": np.zeros((5, 6), np.int32)},
        {"bias": np.zeros(4, np.int32)},
        {"multiplier": np.full(5, 2**15, np.int32)},
        {"multiplier": np.full(5, -1, np.int32)},
        {"shift": np.zeros(5, np.int32)},
        {"shift": np.full(5, 31, np.int32)},
        {"pre_shift": 31},
        {"pre_shift": -1},
        {"acc_low": np.full(5, -5, np.int64)},
        {"acc_high": np.full(5, 2**40, np.int64)},
    ],
    ids=lambda a: f"{next(iter(a))}",
)
def test_parameters_that_px1_does_not_allow_are_refused_though_the_identity_is_right(
    artifact: Artifact, arrays: dict[str, Any], tmp_path: Path
) -> None:
    refused(forged(artifact, **arrays), tmp_path)


def test_vectors_of_another_size_or_outside_the_input_are_refused(
    artifact: Artifact, tmp_path: Path
) -> None:
    vectors = artifact.vectors
    for wrong in (
        replace(vectors, inputs=vectors.inputs[:, :-1]),
        replace(vectors, outputs=vectors.outputs[:-1]),
        replace(vectors, inputs=vectors.inputs + np.uint8(200)),
    ):
        refused(write_artifact(replace(artifact, vectors=wrong)), tmp_path)


def test_a_missing_file_or_a_folder_is_one_line(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.px", tmp_path):
        with pytest.raises(FileFormatError, match=r"does not exist|a directory"):
            read_artifact(path)


@pytest.mark.parametrize("name", ["x;int evil(void)", "x\n", "X", "_x", "0x", "", "a" * 64])
def test_a_hostile_name_is_refused_though_the_identity_is_right(
    artifact: Artifact, name: str, tmp_path: Path
) -> None:
    graph = artifact.graph
    first = replace(graph.nodes[0], name=name)
    named = replace(artifact, graph=replace(graph, nodes=(first, *graph.nodes[1:])))
    assert "wrong name" in refused(write_artifact(named), tmp_path)

    def renamed(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name if n == "linear0_out" else n for n in names)

    nodes = tuple(
        replace(n, inputs=renamed(n.inputs), outputs=renamed(n.outputs)) for n in graph.nodes
    )
    tensors = tuple(replace(t, name=renamed((t.name,))[0]) for t in graph.tensors)
    moved = replace(artifact, graph=replace(graph, nodes=nodes, tensors=tensors))
    assert "wrong name" in refused(write_artifact(moved), tmp_path)


def test_two_nodes_of_one_name_are_refused(artifact: Artifact, tmp_path: Path) -> None:
    nodes = list(artifact.graph.nodes)
    nodes[1] = replace(nodes[0], inputs=nodes[1].inputs, outputs=nodes[1].outputs)
    same = replace(artifact, graph=replace(artifact.graph, nodes=tuple(nodes)))
    assert "share a name" in refused(write_artifact(same), tmp_path)


def test_same_integers_have_the_same_identity_whoever_declared_the_range() -> None:
    model = build(Recipe((6, 5, 3)))
    declared = replace(model.graph.input, declared_range=(0.0, 16.0))
    tensors = tuple(declared if t.name == declared.name else t for t in model.graph.tensors)
    by_file = replace(model, graph=replace(model.graph, tensors=tensors))
    silent = replace(model, metadata=replace(model.metadata, statements=NOTHING))
    for scheme in ("int8", "float32"):
        of_file = export(by_file, scheme=scheme).artifact
        of_option = export(silent, scheme=scheme, input_range=(0.0, 16.0)).artifact
        assert of_file.identity == export(model, scheme=scheme).artifact.identity
        assert of_file.identity == of_option.identity
    wider = export(by_file, input_range=(0.0, 20.0)).artifact.graph.input
    assert wider.declared_range is None
    assert wider.quant is not None
    assert wider.quant.high == 20
    assert export(by_file, scheme="float32", input_range=(0.0, 20.0)).artifact.graph.input == (
        replace(wider, dtype="f32", quant=None, declared_range=(0.0, 20.0))
    )


def test_activations_are_stored_beside_the_identity(artifact: Artifact, tmp_path: Path) -> None:
    op = artifact.graph.nodes[0].op
    assert isinstance(op, QuantizedLinear)
    assert (op.activation_low, op.activation_high) == (0.0, 6.0)
    node = replace(artifact.graph.nodes[0], op=replace(op, activation_high=math.inf))
    nodes = (node, *artifact.graph.nodes[1:])
    other = replace(artifact, graph=replace(artifact.graph, nodes=nodes))
    assert other.identity == artifact.identity
    read = reread(write_artifact(other), tmp_path).graph.nodes[0].op
    assert isinstance(read, QuantizedLinear)
    assert (read.activation_low, read.activation_high) == (0.0, math.inf)


def test_a_state_that_a_node_writes_before_it_is_read_is_refused(
    artifact: Artifact, tmp_path: Path
) -> None:
    graph = replace(artifact.graph, states=(State("s", "linear0_out", "output"),))
    data = write_artifact(replace(artifact, graph=graph))
    assert "state s is not read and then written" in refused(data, tmp_path)


def test_graph_constructor_errors_do_not_escape(artifact: Artifact, tmp_path: Path) -> None:
    def swap(document: dict[str, Any]) -> None:
        document["graph"]["nodes"].reverse()

    assert isinstance(artifact.graph, Graph)
    assert "damaged" in refused(rewritten(write_artifact(artifact), swap), tmp_path)


def test_per_tensor_exports_have_another_identity() -> None:
    model = build(Recipe((6, 5, 3)))
    assert export(model).artifact.identity != export(model, per_channel=False).artifact.identity


@pytest.mark.parametrize("array", ["vectors", "samples"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_rows_that_are_not_finite_are_refused(array: str, value: float, tmp_path: Path) -> None:
    artifact = export_recipe(Recipe((3, 2), scheme="float32")).artifact
    rows = np.zeros((1, 3), np.float32)
    rows[0, 1] = value
    if array == "samples":
        changed = replace(artifact, samples=Samples(rows, None))
    else:
        changed = replace(artifact, vectors=Vectors(rows, np.zeros((1, 2), np.float32)))
    assert f"{array}.inputs holds a value that is not finite" in refused(
        write_artifact(changed), tmp_path
    )


@pytest.mark.parametrize("text", ['{"a":NaN}', '{"a":1,"a":1}', "[" * 5000, '{"a":1e999}'])
def test_the_json_of_an_artifact_is_read_strictly(text: str, tmp_path: Path) -> None:
    message = refused(write_tensorfile({"pyexport": text}, {}), tmp_path)
    assert "JSON" in message
