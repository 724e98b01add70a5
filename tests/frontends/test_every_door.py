"""The same network gives the same integers whichever kind of file it comes in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyexport.artifact import Artifact
from pyexport.graph_document import parameters
from scripts.evidence_topics.formats_doors import DOORS, exported

FIRST = next(iter(DOORS))


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return exported(FIRST, tmp_path_factory.mktemp("first"), "int8")


@pytest.mark.parametrize("door", DOORS)
def test_the_same_network_comes_through_every_door(door, tmp_path: Path, wanted: Artifact) -> None:
    found = exported(door, tmp_path, "int8")
    expected = parameters(wanted.graph)
    assert parameters(found.graph).keys() == expected.keys()
    for name, array in parameters(found.graph).items():
        assert np.array_equal(array, expected[name]), name
    assert found.identity == wanted.identity
    assert np.array_equal(found.vectors.outputs, wanted.vectors.outputs)
