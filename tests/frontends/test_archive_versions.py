"""Archives of every PyTorch from 2.9 on read to the same network; older ones say the way out."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest

from pyexport.errors import PyexportError
from pyexport.frontends import load_model
from pyexport.frontends.pt2 import SCHEMA_MAJOR
from pyexport.pipeline import ExportOptions, export_model

FOLDER = Path(__file__).resolve().parents[1] / "golden" / "archives"
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "formats.md"
VERSIONS = sorted(
    (p.name.removeprefix("torch-") for p in FOLDER.iterdir() if p.name != "torch-2.8.0"),
    key=lambda version: int(version.split(".")[1]),
)
# Each kind with the one whose parameters it must have: bfloat16 holds these weights exactly.
KINDS = {
    "plain": "plain", "dynamic": "plain", "bfloat16": "plain",
    "sensor": "sensor", "sensor-decomposed": "sensor",
}  # fmt: skip


def identity(path: Path) -> str:
    options = ExportOptions("m", input_range=(0.0, 1.0))
    return export_model(load_model(path), options).artifact.identity


def test_the_versions_are_those_that_the_documentation_names() -> None:
    assert [v.split(".")[1] for v in VERSIONS] == [str(n) for n in range(9, 9 + len(VERSIONS))]
    assert len(VERSIONS) >= 6
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (2\.\d+) \| (8\.\d+) \|", text, re.M)
    stated = {f"{version}.0": schema for version, schema in rows}
    assert {v: s for v, s in stated.items() if v in VERSIONS} == {
        version: ".".join(str(n) for n in document(version)["schema_version"].values())
        for version in VERSIONS
    }


def document(version: str) -> dict[str, dict[str, int]]:
    archive = zipfile.ZipFile(FOLDER / f"torch-{version}" / "plain.pt2")
    read: dict[str, dict[str, int]] = json.loads(archive.read("plain/models/model.json"))
    return read


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_version_reads_to_the_parameters_of_2_13(version: str, kind: str) -> None:
    path = FOLDER / f"torch-{version}" / f"{kind}.pt2"
    assert load_model(path).metadata.producer.startswith(f"torch {version}")
    assert identity(path) == identity(FOLDER / "torch-2.13.0" / f"{KINDS[kind]}.pt2")


@pytest.mark.parametrize("version", VERSIONS)
def test_schema_and_operator_set_are_the_known_ones(version: str) -> None:
    assert document(version)["schema_version"]["major"] == SCHEMA_MAJOR
    assert document(version)["opset_version"] == {"aten": 10}


def test_the_layout_before_2_9_is_refused_with_its_remedy() -> None:
    path = FOLDER / "torch-2.8.0" / "plain.pt2"
    with pytest.raises(
        PyexportError, match=r"by PyTorch 2\.8 or older; nothing of it was run; load it"
    ):
        load_model(path)


@pytest.mark.filterwarnings("ignore")
def test_the_layout_before_2_9_opens_with_trust() -> None:
    model = load_model(FOLDER / "torch-2.8.0" / "plain.pt2", trust=True)
    options = ExportOptions("m", input_range=(0.0, 1.0))
    same = identity(FOLDER / "torch-2.13.0" / "plain.pt2")
    assert export_model(model, options).artifact.identity == same


def test_the_archives_hold_no_path_but_neutral_ones() -> None:
    for path in FOLDER.rglob("*.pt2"):
        found = re.findall(rb"/(?:root|home|work|usr|opt|Users)/", path.read_bytes())
        assert found == [], path
