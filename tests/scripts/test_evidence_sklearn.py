"""The evidence of scikit-learn pipelines: its short form holds, on host and chip."""

import os
from pathlib import Path

import pytest

from pyexport.runners import available
from scripts.evidence_topics.figures import Context
from scripts.evidence_topics.formats_sklearn import CHIP, pipelines


def test_the_short_form_holds(tmp_path: Path) -> None:
    missing = available("host") or available(CHIP)
    if missing is not None:
        assert os.environ.get("CI") != "true", missing
        pytest.skip(missing)
    figures = pipelines(Context(tmp_path, tmp_path, short=True, say=lambda text: None))
    assert [figure.ok for figure in figures] == [True, True, True]
    table = "\n".join(figures[0].details)
    assert table.count("| wine |") == 2
    assert "| u16 | 54 | 0 (0.00 %) |" in table
    assert "0.00 points lost, 0.00 % of 108 rows of 2 pipelines" in figures[0].measured
