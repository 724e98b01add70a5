"""The report: every figure is the library's, every text escaped, and nothing is loaded."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

import pyexport
from pyexport.artifact import read_artifact
from pyexport.costing import costing
from pyexport.frontends import load_model
from pyexport.kernel_choice import observed
from pyexport.passes import run_passes
from pyexport.report.page.blocks import Table, cells, columns
from pyexport.report.page.comparing import SUITES, ReportOptions
from pyexport.report.page.gather import gather
from pyexport.report.page.material import Attack, Hunted, Material, Missing
from pyexport.report.page.render import render_page
from pyexport.report.page.section import Section
from pyexport.report.page.sections import SECTIONS
from pyexport.report.shapes import Shape
from pyexport.verify.document import report_document
from pyexport.verify.generated import Generated
from pyexport.verify.layer_errors import layer_errors
from pyexport.verify.pair import Pair
from tests.report.page_reader import Page, read
from tests.verify.blobs import save_torch

VECTORS = 300
OPTIONS = ReportOptions(targets=("host",), vectors=VECTORS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model file and its export."""
    folder = tmp_path_factory.mktemp("blobs")
    save_torch(folder / "blobs.pt")
    pyexport.export(folder / "blobs.pt", folder, "blobs")
    return folder


@pytest.fixture(scope="module")
def material(folder: Path) -> Material:
    return gather(folder / "blobs.h", OPTIONS)


@pytest.fixture(scope="module")
def page(material: Material) -> Page:
    return read(render_page(material))


def test_every_section_is_there_in_order(page: Page) -> None:
    titles = [s.title for s in SECTIONS if s.title != "Spikes"]  # it has no neurons
    assert [text for level, text in page.headings if level == 2] == titles
    assert "Not shown" not in page.text
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_nothing_is_loaded_and_nothing_runs(page: Page, material: Material) -> None:
    assert "script" not in page.tags
    assert [link for link in page.links if not link.startswith(("#", "data:image/png;"))] == []
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    html = render_page(material).replace("http://www.w3.org/2000/svg", "")
    assert "http" not in html and "url(" not in html.replace("url(#stripes)", "")
    assert "@import" not in html and " on" + "click" not in html


def test_tables_and_pictures_say_what_they_are(page: Page) -> None:
    assert page.unscoped == 0
    assert len(page.ids) == len(set(page.ids))
    assert all(image["alt"] for image in page.images)
    described = [d for d in page.drawings if d.get("role") == "img"]
    assert described and all(d["aria-label"] for d in described)
    assert all(page.tables)  # captions


def test_the_comparison_is_that_of_verify(page: Page, folder: Path) -> None:
    report = pyexport.verify(
        folder / "blobs.h", ["host"], SUITES, vectors=VECTORS, model=folder / "blobs.pt"
    )
    (target,) = report_document(report, {})["targets"]
    caption = "Compared bit for bit"
    for column, key in (
        ("inputs", "rows"), ("output bytes", "output_bytes"), ("accumulators", "accumulators"),
        ("classes", "classes"), ("inputs differ", "differing_rows"),
    ):  # fmt: skip
        assert page.cell(caption, "host", column) == f"{target[key]:,}"
    assert page.cell(caption, "host", "compiler") == target["compiler"]
    for suite in target["suites"]:
        assert page.cell("Inputs of each suite", suite["name"], "host") == f"{suite['rows']:,}"
    for finding in target["findings"]:
        assert page.cell("Static checks", finding["name"], "host") == "holds"


def test_accuracy_layers_and_costs_are_the_librarys(page: Page, folder: Path) -> None:
    artifact = read_artifact(folder / "blobs.px")
    right = artifact.accuracy
    assert right is not None
    for model, count in (("float", right.float_correct), ("int8", right.exported_correct)):
        assert page.cell("Accuracy on 60", model, "rows right") == str(count)
        assert page.cell("Accuracy on 60", model, "right") == f"{100 * count / right.rows:.2f} %"
    assert artifact.samples is not None
    graph = run_passes(load_model(folder / "blobs.pt").graph)
    errors = layer_errors(graph, artifact.graph, artifact.samples.inputs)
    assert [e.node for e in errors] == ["linear0", "linear1"]
    for error in errors:
        cell = [page.cell("int8 against float", error.node, c) for c in ("largest error", "SQNR")]
        assert cell == [f"{error.whole.max:.4g}", f"{error.whole.sqnr:.1f} dB"]
    shown = page.table("By layer")
    assert shown[-1][0] == "all layers"
    assert shown[-1][7] == f"{sum(int(row[7].replace(',', '')) for row in shown[1:-1]):,}"


def test_priced_layers_are_those_of_inspect(material: Material, folder: Path) -> None:
    artifact = read_artifact(folder / "blobs.px")
    one = costing(artifact, "cortex-m4", observed(artifact))
    shown = read(render_page(replace(material, costs=(one,))))
    for layer in one.layers:
        assert shown.cell("cortex-m4", layer.node, "instructions, mean") == f"{layer.mean:,.0f}"


def test_generated_and_changed_inputs_are_drawn_with_what_each_says(
    page: Page, material: Material
) -> None:
    assert isinstance(material.generated, Generated) and isinstance(material.attack, Attack)
    assert material.generated.wrong_rows == material.attack.verdicts.wrong_rows == 0
    labels = [d.get("aria-label", "") for d in page.drawings]
    for label in ("left", "right", "up"):
        assert f"input generated for class {label}" in labels
    assert sum(text.startswith("start: ") for text in labels) == len(material.attack.found.rows)
    assert material.judge == "host" and "C on host: up" in page.text


def test_disagreements_show_both_models_outputs(page: Page, material: Material) -> None:
    assert isinstance(material.hunt, Hunted) and isinstance(material.pair, Pair)
    gap = material.hunt.found.gap
    (caption,) = [c for c in page.tables if c.startswith("The largest gap")]
    assert f"{gap.float_value:.4g} in float" in caption
    assert f"{len(material.hunt.found.found.rows):,} distinct disagreement" in page.text


def test_pictures_are_inside_the_page(material: Material) -> None:
    shown = read(render_page(replace(material, shape=Shape(2, 2))))
    assert shown.images
    assert all(image["src"].startswith("data:image/png;base64,iVBOR") for image in shown.images)


def test_a_hostile_text_is_only_text(material: Material) -> None:
    hostile = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a & b <b>")
    artifact = replace(
        material.artifact,
        statements=replace(material.artifact.statements, labels=hostile, input_unit="</style><i>"),
        source_name="<svg onload=x>.pt",
        producer="<h1>",
    )
    assert isinstance(material.pair, Pair)
    changed = replace(
        material,
        artifact=artifact,
        pair=replace(material.pair, artifact=artifact),
        subject="<script>.h",
        hashes={f"<script>{name}": "00" for name in material.hashes},
    )
    shown, plain = read(render_page(changed)), read(render_page(material))
    assert sorted(shown.tags) == sorted(plain.tags)
    assert hostile[0] in shown.text and hostile[1] in shown.text


def test_the_same_export_gives_the_same_bytes(material: Material, folder: Path) -> None:
    assert render_page(material) == render_page(gather(folder / "blobs.h", OPTIONS))


def test_commands_can_be_pasted(material: Material) -> None:
    lines = [command.line for command in material.commands]
    assert lines[0] == "pyexport report blobs.h --model blobs.pt"
    assert lines[1].startswith("pyexport verify blobs.h --target host --suite dataset,random,")
    assert [line.split()[1] for line in lines[2:5]] == ["generate", "attack", "hunt"]


def test_without_the_float_model_the_export_stands_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "blobs.px").write_bytes((folder / "blobs.px").read_bytes())
    alone = gather(tmp_path / "blobs.px", replace(OPTIONS, suites=("corners",)))
    assert isinstance(alone.hunt, Missing) and isinstance(alone.layer_errors, Missing)
    shown = read(render_page(alone))
    assert "Not shown: the float model is not known." in shown.text
    assert "float: up" not in shown.text and "int8: up" in shown.text


def test_another_engineers_section_is_a_record(material: Material) -> None:
    table = Table("Spikes of each layer", columns("layer", ">spikes"), (cells("lif0", "12"),))
    more = Section("Spikes", "tables.html.j2", lambda found: {"tables": [table]})
    none = Section("Nothing", "tables.html.j2", lambda found: None)
    shown = read(render_page(material, (*SECTIONS, more, none)))
    assert shown.cell("Spikes of each layer", "lif0", "spikes") == "12"
    assert shown.headings[-1] == (2, "Spikes")
