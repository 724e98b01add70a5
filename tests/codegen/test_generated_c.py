"""Generated C on this computer gives the simulator's bytes, accumulators and classes."""

from __future__ import annotations

import ctypes
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyexport.errors import InvalidModelError
from pyexport.ir import Linear
from pyexport.pipeline import Export
from pyexport.simulator import definition
from pyexport.simulator.fast import FastSimulator, argmax
from pyexport.simulator.plain import read_plain
from tests.codegen.compile_c import CompiledModel, compile_c
from tests.networks import (
    DOZEN,
    Recipe,
    chain,
    device_rows,
    export,
    export_recipe,
    image,
    layer,
    uneven,
)
from tests.quantize.degenerate import DEGENERATE


def assert_c_is_the_simulator(
    exported: Export, folder: Path, rows: int = 300, level: str = "-O2"
) -> None:
    compiled = CompiledModel(exported, folder, flags=(level,))
    inputs = device_rows(exported, rows)
    wanted = FastSimulator(exported.artifact.graph).trace(inputs)
    assert wanted.accumulators is not None
    outputs, sums = compiled.trace(inputs)
    assert np.array_equal(outputs, wanted.outputs)
    assert np.array_equal(sums, wanted.accumulators)
    assert np.array_equal(compiled.run(inputs), wanted.outputs)
    if compiled.has_argmax:
        assert np.array_equal(compiled.classes(outputs), argmax(outputs))
    assert compiled.selftest()


@pytest.mark.parametrize("recipe", DOZEN, ids=str)
def test_generated_networks(recipe: Recipe, tmp_path: Path) -> None:
    assert_c_is_the_simulator(export_recipe(recipe), tmp_path)


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_networks_in_definition_simulator_and_c(name: str, tmp_path: Path) -> None:
    exported = export(DEGENERATE[name])
    assert_c_is_the_simulator(exported, tmp_path / "c", 40)
    exported.write(tmp_path)
    model = read_plain(tmp_path / "net.px")
    rows = device_rows(exported, 6)
    for row, outputs in zip(rows, FastSimulator(exported.artifact.graph).run(rows), strict=True):
        assert definition.run(model, row.tolist()).outputs == outputs.tolist()


@pytest.mark.parametrize("name", ["denormal neuron", "weights of 1e30", "constant rows"])
def test_degenerate_networks_in_float32(name: str, tmp_path: Path) -> None:
    assert_c_is_the_simulator(export(DEGENERATE[name], scheme="float32"), tmp_path, 40)


@pytest.mark.parametrize("scheme", ["int8", "float32"])
@pytest.mark.parametrize("seed", range(3))
def test_raw_inputs_and_images(seed: int, scheme: str, tmp_path: Path) -> None:
    for number, model in enumerate((uneven(0.0, seed), uneven(-1.0, seed), image(seed))):
        assert_c_is_the_simulator(export(model, scheme=scheme), tmp_path / str(number))


def test_the_header_says_what_a_raw_column_holds() -> None:
    model = uneven()
    names = ("zinc", "lead */", "tin", "gold", "iron")
    statements = replace(model.metadata.statements, input_columns=names)
    metadata = replace(model.metadata, statements=statements)
    header = export(replace(model, metadata=metadata)).header
    assert "Input: 5 values, u16, 0..65535." in header
    assert " * Column c holds real / step; the front end saturates outside its range:" in header
    assert re.search(r"\n \*    0  zinc +step 0\.01, 0 to 0\.57\n", header)
    assert re.search(r"\n \*    4  iron +step 1, 0 to 5010\n", header)
    assert header.count("lead */") == 0
    assert "NET_INPUT_SCALE" not in header
    assert "#define NET_INPUT_HIGH 65535" in header


def test_quantize_input_takes_the_column_of_a_raw_input(tmp_path: Path) -> None:
    exported = export(uneven(-1.0))
    (tmp_path / "net.h").write_text(exported.header)
    source = tmp_path / "call.c"
    source.write_text(
        '#include "net.h"\nint16_t call(int column, float real);\n'
        "int16_t call(int column, float real)\n"
        "{\n    return net_quantize_input((uint_fast16_t)column, real);\n}\n"
    )
    command = ("gcc", "-Wno-unused-function", "-shared", "-fPIC")
    compile_c([source], tmp_path / "call.so", command)
    call = ctypes.CDLL(str(tmp_path / "call.so")).call
    call.argtypes, call.restype = (ctypes.c_int, ctypes.c_float), ctypes.c_int16
    quant = exported.artifact.graph.input.quant
    assert quant is not None
    reals = np.array([[-0.4, 3.21, -12.3, 400.0, -5000.0], [0.0, -5e9, 5e9, -0.6, 2.6]])
    wanted = quant.quantize(reals)
    assert wanted[1, 1:3].tolist() == [-32768, 32767]
    got = [[call(c, value) for c, value in enumerate(row)] for row in reals]
    assert got == wanted.tolist()
    assert call(0, float("nan")) == -32768


def test_a_network_whose_only_tensor_lies_in_the_output_compiles(tmp_path: Path) -> None:
    exported = export_recipe(Recipe((5, 3), "none", softmax=True))
    assert "inside out */" in exported.header
    assert_c_is_the_simulator(exported, tmp_path)


def test_a_network_of_more_layers_than_a_byte_counts_is_traced(tmp_path: Path) -> None:
    exported = export_recipe(Recipe((2,) * 261, "relu6"))
    assert len(exported.program.steps) == 260
    assert_c_is_the_simulator(exported, tmp_path, 10, "-O0")  # -O2 takes 7 s for so much code


def test_float32_sums_that_could_become_infinite_are_refused_by_name() -> None:
    with pytest.raises(InvalidModelError, match=r"model\.pt: linear0 \(net\.0\): a sum can pass"):
        export(DEGENERATE["weights of 1e38"], scheme="float32")


def test_a_scale_that_c_cannot_hold_has_no_macro_and_says_so(tmp_path: Path) -> None:
    exported = export(DEGENERATE["weights of 1e38"])
    assert "#define NET_INPUT_SCALE 1.0f" in exported.header
    assert "which C's float does not hold" in exported.header
    for absent in ("NET_OUTPUT_SCALE", "net_dequantize_output"):
        assert absent not in exported.header


@pytest.mark.parametrize("size", [1e-44, 1e45, 1e306])
def test_steps_that_c_cannot_hold_have_no_function_and_say_so(size: float, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).random((40, 3)) * [size, 1.0, 1.0]
    first = Linear(np.random.default_rng(1).normal(size=(6, 3)) / [size, 1.0, 1.0], np.zeros(6))
    model = chain(3, [first, layer(6, 2)], input_range=None, calibration=rows)
    exported = export(model)
    quant = exported.artifact.graph.input.quant
    assert quant is not None
    assert len(set(quant.steps)) == 2
    assert "C's float does not hold all steps" in exported.header
    for absent in ("net_input_step", "net_quantize_input"):
        assert absent not in exported.header
    assert_c_is_the_simulator(exported, tmp_path)


def test_the_lowest_index_wins_a_tie_in_c(tmp_path: Path) -> None:
    compiled = CompiledModel(export_recipe(Recipe((3, 4))), tmp_path)
    outputs = np.array([[1, 5, 5, 0], [-128] * 4, [0, 0, 0, 1], [127, -128, 127, 127]], np.int8)
    if exported_dtype(compiled) == np.uint8:
        outputs = (outputs.astype(np.int16) + 128).astype(np.uint8)
    assert compiled.classes(outputs).tolist() == [1, 0, 3, 0]


def exported_dtype(compiled: CompiledModel) -> Any:
    return compiled.run(np.zeros((1, 3))).dtype


def test_256_and_more_classes_get_a_wider_index(tmp_path: Path) -> None:
    exported = export_recipe(Recipe((3, 300), "none"))
    assert "uint16_t net_argmax" in exported.header
    outputs = np.zeros((1, 300), exported_dtype(CompiledModel(exported, tmp_path)))
    outputs[0, 299] = 1
    assert CompiledModel(exported, tmp_path).classes(outputs).tolist() == [299]
