"""Which kernel computes a layer: the goal of the model or of the layer, and kernels by name."""

from __future__ import annotations

import pytest

from pyexport.artifact import parse_artifact, write_artifact
from pyexport.choices import Choices
from pyexport.errors import UsageError
from pyexport.lower import lower
from pyexport.pipeline import Export, ExportOptions, export_model, render_artifact
from tests.cli.command import pyexport
from tests.networks import Recipe, build

RECIPE = Recipe((16, 12, 8, 4))


def exported(
    optimize: str = "size",
    layer_goals: tuple[tuple[str, str], ...] = (),
    kernels: tuple[str, ...] = (),
) -> Export:
    options = ExportOptions(
        "net", lanes=16, optimize=optimize, layer_goals=layer_goals, kernels=kernels
    )
    return export_model(build(RECIPE), options)


def names(export: Export) -> list[str]:
    return [step.kernel for step in export.program.steps]  # type: ignore[union-attr]


def test_one_layer_has_a_goal_of_its_own() -> None:
    made = exported("speed", (("linear1", "size"),))
    assert names(made) == ["linear_swar16", "linear_q15x", "linear_swar16"]
    assert "of linear1 chosen for size" in made.header


def test_a_named_kernel_is_taken_whatever_the_goal() -> None:
    assert names(exported("size", kernels=("linear_swar8",))) == ["linear_swar8"] * 3
    first = exported("size", kernels=("linear_swar16", "linear_swar8"))
    assert names(first) == ["linear_swar16"] * 3


def test_of_records_with_one_name_the_one_for_the_goal_is_taken() -> None:
    steps = [
        exported(goal, kernels=("linear_swar16",)).program.steps[0]
        for goal in ("speed", "constant-time")
    ]
    assert [dict(step.params)["skips"] for step in steps] == [1, 0]  # type: ignore[union-attr]


def test_the_choices_come_back_from_the_artifact() -> None:
    made = exported("speed", (("linear1", "size"),), ("linear_swar8",))
    back = parse_artifact(write_artifact(made.artifact), "net.px")
    assert back.choices == made.artifact.choices
    assert back.choices.layers == (("linear1", "size"),)
    assert render_artifact(back).header == made.header
    words = " ".join(made.artifact.options)
    assert "--optimize speed --optimize linear1=size --kernel linear_swar8" in words


def test_choices_of_nonsense_are_refused() -> None:
    with pytest.raises(UsageError, match="kernel 'fast' is unknown; use one of linear_swar4, "):
        exported(kernels=("fast",))
    with pytest.raises(UsageError, match="kernel conv2d_q15x computes no layer of this model in"):
        exported(kernels=("conv2d_q15x",))
    with pytest.raises(UsageError, match="optimize fc9=size: no layer is called so; there are"):
        exported(layer_goals=(("fc9", "size"),))
    with pytest.raises(UsageError, match="optimize linear0=fast is unknown; use one of size"):
        exported(layer_goals=(("linear0", "fast"),))
    with pytest.raises(ValueError, match="names of kernels"):
        Choices(kernels=("../x",))
    with pytest.raises(ValueError, match="is none of size"):
        Choices(layers=(("linear0", "fast"),))


def test_a_file_cannot_want_a_kernel_that_does_not_exist() -> None:
    with pytest.raises(UsageError, match="kernel 'best' is unknown"):
        lower(exported().artifact.graph, None, Choices(kernels=("best",)))


def test_the_command_takes_goals_of_layers_and_kernels() -> None:
    done = pyexport("export", "no.pt2", "--optimize", "speed", "--optimize", "size")
    assert done.status == 2
    assert "--optimize speed and size: a model has one goal" in done.err
    assert "kernel 'best' is unknown" in pyexport("export", "no.pt2", "--kernel", "best").err
    assert "optimize a=b is unknown" in pyexport("export", "no.pt2", "--optimize", "a=b").err
