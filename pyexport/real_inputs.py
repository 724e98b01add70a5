"""Takes real inputs as users have them: an array, or of several inputs an array each by name."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from pyexport.artifact import Artifact, quantize_inputs
from pyexport.errors import UsageError
from pyexport.frontends.port_samples import join_samples
from pyexport.input_ranges import artifact_ports
from pyexport.ir import Array, Dataset
from pyexport.layout import inputs_shape


def device_rows(artifact: Artifact, inputs: npt.ArrayLike | Mapping[str, npt.ArrayLike]) -> Array:
    """Return real inputs as the device takes them; raises UsageError if they do not fit."""
    if isinstance(inputs, Mapping):
        inputs = join_samples(inputs, artifact_ports(artifact), artifact.name).inputs
    rows = np.asarray(inputs, dtype=np.float64)
    wanted = inputs_shape(artifact.graph)
    if rows.ndim < 2 or math.prod(rows.shape[1:]) != math.prod(wanted):
        shape = ", ".join(map(str, wanted))
        raise UsageError(f"inputs have shape {rows.shape}; {artifact.name} takes (n, {shape})")
    if not np.isfinite(rows).all():
        raise UsageError("inputs hold NaN or infinite values; remove those rows")
    return quantize_inputs(artifact, Dataset(rows))
