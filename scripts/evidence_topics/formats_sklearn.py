"""Scikit-learn pipelines as firmware: raw values in, classes and values out, against predict."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyexport.artifact import quantize_inputs
from pyexport.frontends.sklearn_estimators import from_sklearn
from pyexport.ir import Dataset
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.reference import forward
from pyexport.runners import open_runner
from pyexport.verify import Subject
from scripts.evidence_topics.figures import Context, Figure, markdown_table

CHIP = "cortex-m4"
POINTS = 0.5  # percent of the test rows whose class may differ
FLOAT_LIMIT = 1e-12
VALUE_LIMIT = 0.02  # of the range of a regression's predictions, root mean square
SEED = 0


@dataclass(frozen=True, eq=False)
class Case:
    """A fitted pipeline, and the part of its data set that it has not seen."""

    name: str
    data: str
    pipeline: Any
    train: Any
    test: Any
    targets: Any


@dataclass(frozen=True)
class Outcome:
    """What the firmware of a pipeline gave on the test split."""

    rows: int
    input: str  # type of the firmware's input
    differing: int  # rows whose class is not that of predict
    margin: float  # largest distance of the two best probabilities in a row that differs
    lost: int  # rows that predict gets right, less those that the firmware gets right
    float_error: float  # of the float reference against predict_proba
    same: bool  # host and chip gave the same bytes


def pipelines(context: Context) -> tuple[Figure, ...]:
    """Compare firmware on this computer and on one emulated chip with predict."""
    lines, within = [], 0
    cases = classifiers(short=context.short)
    outcomes = []
    for case in cases:
        context.say(f"{case.data}: {case.name}")
        outcome = measured(context, case)
        outcomes.append(outcome)
        alone = outcome.differing <= math.floor(outcome.rows * POINTS / 100)
        within += alone
        share = 100 * outcome.differing / outcome.rows
        lines.append(
            (
                case.data,
                case.name,
                outcome.input,
                str(outcome.rows),
                f"{outcome.differing} ({share:.2f} %)",
                f"{100 * outcome.lost / outcome.rows:+.2f}",
                "yes" if alone else "no",
            )
        )
    header = ("data set", "pipeline", "input", "rows", "other class", "points lost", "by itself")
    rows = sum(outcome.rows for outcome in outcomes)
    differing = 100 * sum(outcome.differing for outcome in outcomes) / rows
    lost = 100 * sum(outcome.lost for outcome in outcomes) / rows
    worst = max(outcome.float_error for outcome in outcomes)
    margin = max(outcome.margin for outcome in outcomes)
    measured_text = f"{lost:+.2f} points lost, {differing:.2f} % of {rows:,} rows of {len(cases)}"
    same = all(outcome.same for outcome in outcomes)
    return (
        Figure(
            "scikit-learn pipelines: raw input to class, firmware against predict, test split",
            f"within {POINTS} points, and at most {POINTS} % of the rows with another class",
            f"{measured_text} pipelines",
            abs(lost) <= POINTS and differing <= POINTS and same,
            (
                f"This computer and {CHIP} give the same bytes for every row: "
                f"{'yes' if same else '**NO**'}.",
                f"By itself a pipeline stays at or below {POINTS} % in {within} of {len(cases)} "
                "cases; in a small test split a single row is more than that. In the rows that "
                f"differ the two best probabilities are at most {margin:.2f} apart.",
                "",
                *markdown_table(header, lines),
            ),
        ),
        Figure(
            "their float reference against predict_proba",
            f"at most {FLOAT_LIMIT:g}",
            f"{worst:.1g}",
            worst <= FLOAT_LIMIT,
        ),
        _regressions(context),
    )


def measured(context: Context, case: Case) -> Outcome:
    """Return what the firmware of a classifier gives for the raw rows of its test split."""
    model = from_sklearn(case.pipeline, calibration=case.train)
    exported = export_model(model, ExportOptions("sensor"))
    outputs, same = firmware_outputs(context, exported, case.test)
    classes = case.pipeline.classes_
    predicted = case.pipeline.predict(case.test)
    got = classes[outputs.argmax(axis=1)]
    wanted = case.pipeline.predict_proba(case.test)
    quant = exported.artifact.graph.input.quant
    assert quant is not None  # int8
    return Outcome(
        rows=len(case.test),
        input=quant.dtype,
        differing=int((got != predicted).sum()),
        margin=_largest_margin(wanted[got != predicted]),
        lost=int((predicted == case.targets).sum() - (got == case.targets).sum()),
        float_error=float(np.abs(forward(model.graph, case.test) - wanted).max()),
        same=same,
    )


def _largest_margin(probabilities: Any) -> float:
    best = np.sort(probabilities, axis=1)
    return float((best[:, -1] - best[:, -2]).max(initial=0.0))


def firmware_outputs(context: Context, exported: Export, rows: Any) -> tuple[Any, bool]:
    """Return the outputs on this computer for raw rows, and whether a chip gives the same."""
    folder = context.folder / "sklearn"
    folder.mkdir(parents=True, exist_ok=True)
    exported.write(folder)
    name = exported.artifact.name
    subject = Subject(exported.artifact, exported.program, folder / f"{name}.h")
    raw = quantize_inputs(exported.artifact, Dataset(np.asarray(rows, np.float64)))
    host, chip = (
        open_runner(target, subject.header, subject.interface).run(raw).outputs
        for target in ("host", CHIP)
    )
    return host, bool(np.array_equal(host, chip))


def classifiers(*, short: bool) -> list[Case]:
    """Return the fitted pipelines: two of them for CI."""
    from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    steps = {
        "StandardScaler": (StandardScaler(),),
        "MinMaxScaler": (MinMaxScaler(),),
        "MinMaxScaler(clip)": (MinMaxScaler(clip=True),),
        "StandardScaler, PCA": (StandardScaler(), PCA(0.95)),
    }
    models = {
        "LogisticRegression": LogisticRegression(max_iter=2_000),
        "MLPClassifier": MLPClassifier((32, 16), max_iter=500, random_state=SEED),
    }
    data = {
        "digits": load_digits,
        "wine": load_wine,
        "breast cancer": load_breast_cancer,
        "iris": load_iris,
    }
    if short:
        data, steps = {"wine": load_wine}, {"StandardScaler": steps["StandardScaler"]}
    return [
        _case(name, load, f"{before}, {model}", (*steps[before], last))
        for name, load in data.items()
        for before in steps
        for model, last in models.items()
    ]


def _case(data: str, load: Any, name: str, steps: tuple[Any, ...]) -> Case:
    from sklearn.base import clone
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline

    inputs, targets = load(return_X_y=True)
    train, test, train_targets, test_targets = train_test_split(
        inputs, targets, test_size=0.3, random_state=SEED
    )
    pipeline = clone(make_pipeline(*steps))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline.fit(train, train_targets)
    return Case(name, data, pipeline, train, test, test_targets)


def _regressions(context: Context) -> Figure:
    from sklearn.datasets import load_diabetes
    from sklearn.linear_model import LinearRegression
    from sklearn.neural_network import MLPRegressor
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    network = MLPRegressor(hidden_layer_sizes=(16,), max_iter=3_000, random_state=SEED)
    chosen = [
        ("StandardScaler, LinearRegression", (StandardScaler(), LinearRegression())),
        ("MinMaxScaler, MLPRegressor", (MinMaxScaler(), network)),
    ]
    lines, worst = [], 0.0
    for name, steps in chosen[:1] if context.short else chosen:
        case = _case("diabetes", load_diabetes, name, steps)
        context.say(f"{case.data}: {name}")
        exported = export_model(
            from_sklearn(case.pipeline, calibration=case.train), ExportOptions("sensor")
        )
        outputs, same = firmware_outputs(context, exported, case.test)
        quant = exported.artifact.graph.output.quant
        assert quant is not None  # int8
        wanted = case.pipeline.predict(case.test).reshape(len(case.test), -1)
        error = float(np.sqrt(((quant.dequantize(outputs) - wanted) ** 2).mean()))
        share = error / float(wanted.max() - wanted.min())
        worst = max(worst, share if same else math.inf)
        lines.append((case.data, name, str(len(wanted)), f"{error:.3g}", f"{100 * share:.2f} %"))
    return Figure(
        "regressions: firmware against predict, root mean square",
        f"at most {100 * VALUE_LIMIT:g} % of the range of the predictions",
        f"{100 * worst:.2f} %",
        worst <= VALUE_LIMIT,
        markdown_table(("data set", "pipeline", "rows", "error", "of the range"), lines),
    )
