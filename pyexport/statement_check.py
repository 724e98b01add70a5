"""Checks what was stated about a model against the model itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pyexport.errors import FileFormatError, InvalidModelError
from pyexport.statement_values import Normalization
from pyexport.statements import DTYPES, Statements, parse_statements


def check_statements(
    statements: Statements, where: str, input_shape: tuple[int, ...], outputs: int
) -> None:
    """Raise InvalidModelError, one line, unless the statements fit the model and each other.

    input_shape is the model's, without the batch dimension.
    """
    _check_shape(statements, where, input_shape)
    size = math.prod(input_shape)
    if statements.labels is not None and len(statements.labels) != outputs:
        raise InvalidModelError(
            f"{where}: {len(statements.labels)} labels for {outputs} outputs; give one an output"
        )
    if statements.input_columns is not None and len(statements.input_columns) != size:
        raise InvalidModelError(
            f"{where}: {len(statements.input_columns)} input columns for {size} inputs; give one "
            "an input"
        )
    _check_dtype(statements, where)
    if statements.input_normalize is not None:
        if statements.input_scale is not None:
            raise InvalidModelError(
                f"{where}: input scale and input normalize are both stated; scale is normalize "
                "with mean 0 and std 1 / scale: state one of the two"
            )
        shape = statements.input_shape or input_shape
        _spread(statements.input_normalize, statements.input_layout, shape, where)
    if statements.output_threshold is not None and outputs > 2:
        raise InvalidModelError(
            f"{where}: an output threshold for {outputs} outputs; it decides on the last of one or "
            "two, leave it out: the class is the largest output"
        )


def stored_statements(
    document: Mapping[str, Any], input_shape: tuple[int, ...], outputs: int
) -> Statements:
    """Return the statements of an artifact's document; raises ValueError if they are none.

    Labels and the input's unit stand at its top level, the others under "statements".
    """
    stated = dict(document.get("statements", {}))
    stated["labels"] = document["labels"]
    stated["input"] = {**stated.get("input", {}), "unit": document["input_unit"]}
    try:
        statements = parse_statements(stated, "statements")
        check_statements(statements, "statements", input_shape, outputs)
    except (FileFormatError, InvalidModelError) as error:
        raise ValueError(str(error)) from None
    return statements


def normalization(
    statements: Statements, where: str, input_shape: tuple[int, ...]
) -> tuple[list[float], list[float]] | None:
    """Return (scale, shift), one an input: the network was trained on scale * raw + shift.

    None where neither input.scale nor input.normalize is stated.
    """
    size = math.prod(input_shape)
    if statements.input_scale is not None:
        return [statements.input_scale] * size, [0.0] * size
    stated = statements.input_normalize
    if stated is None:
        return None
    shape = statements.input_shape or input_shape
    mean, std = _spread(stated, statements.input_layout, shape, where)
    return [1.0 / s for s in std], [-m / s for m, s in zip(mean, std, strict=True)]


def _check_shape(statements: Statements, where: str, input_shape: tuple[int, ...]) -> None:
    shape, layout = statements.input_shape, statements.input_layout
    flat = len(input_shape) == 1 and shape is not None and math.prod(shape) == input_shape[0]
    if shape is not None and shape != input_shape and not flat:
        raise InvalidModelError(
            f"{where}: the stated input shape is {list(shape)}, the model takes "
            f"{list(input_shape)}; correct input.shape"
        )
    rank = len(shape or input_shape)
    if layout is not None and rank != (1 if layout == "flat" else 3):
        wanted = "one size" if layout == "flat" else "three sizes, state them in input.shape"
        raise InvalidModelError(
            f"{where}: the input layout {layout} goes with {wanted}; the input has "
            f"{list(shape or input_shape)}"
        )


def _check_dtype(statements: Statements, where: str) -> None:
    dtype, limits = statements.input_dtype, statements.input_range
    if dtype is None or limits is None:
        return
    low, high = DTYPES[dtype]
    if not (low <= limits[0] and limits[1] <= high):
        raise InvalidModelError(
            f"{where}: the input range {limits[0]:.9g} to {limits[1]:.9g} goes beyond what "
            f"{dtype} holds, {low} to {high}; correct input.range or input.dtype"
        )


def _spread(
    stated: Normalization, layout: str | None, shape: tuple[int, ...], where: str
) -> tuple[list[float], list[float]]:
    """Return mean and std, one an input in the order of the elements."""
    size, count = math.prod(shape), max(len(stated.mean), len(stated.std))
    mean = stated.mean * (count // len(stated.mean))
    std = stated.std * (count // len(stated.std))
    if count in (1, size) or (layout == "NHWC" and count == shape[-1]):
        return list(mean) * (size // count), list(std) * (size // count)
    if layout == "NCHW" and count == shape[0]:
        area = size // count
        return [m for m in mean for _ in range(area)], [s for s in std for _ in range(area)]
    raise InvalidModelError(
        f"{where}: input normalize has {count} numbers for an input of {list(shape)}; give one, or "
        f"{size}, or one a channel with input.layout NCHW or NHWC"
    )
