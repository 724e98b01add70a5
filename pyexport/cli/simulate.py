"""pyexport simulate: the outputs of an exported model, as the device computes them."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.text import Text

from pyexport.artifact import Artifact, quantize_inputs, read_artifact
from pyexport.cli.common import JsonOption, out, plain_table, print_json, say, warn
from pyexport.cli.raster import BesideOption, OnOption, RasterOption, check_raster, draw_raster
from pyexport.cli.several_outputs import SeveralOutputs, encoded
from pyexport.decision import decide
from pyexport.errors import UsageError
from pyexport.frontends.port_samples import read_port_samples
from pyexport.input_ranges import artifact_ports
from pyexport.ir import Array, Dataset, QuantParams
from pyexport.layout import inputs_to_device
from pyexport.rows import input_tensors, output_tensors, row_dtype, row_size, row_slices
from pyexport.sensor import saturated_values
from pyexport.simulator import definition
from pyexport.simulator.fast import FastSimulator, argmax
from pyexport.simulator.plain import read_plain
from pyexport.untrusted import printable
from pyexport.writing import write_together

SHOWN_ROWS = 20
WRITERS = (".npy", ".npz", ".csv", ".idx")


def simulate_command(
    artifact: Annotated[Path, typer.Argument(help="The .px file of an export.")],
    inputs: Annotated[Path, typer.Argument(help="Rows of inputs: .npy, .npz, .csv or IDX.")],
    output: Annotated[
        Path | None,
        typer.Option(help="Write the outputs there: .npy, .npz (with classes), .csv or .idx."),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="The inputs are the device's bytes, not real values.")
    ] = False,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1, help="Rows of a sequence, of a model with a state; default: all are one."
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="fast (NumPy) or definition (plain Python, the specification).")
    ] = "fast",
    raster: RasterOption = None,
    beside: BesideOption = None,
    on: OnOption = None,
    json: JsonOption = False,
) -> None:
    """Compute what the firmware computes, bit for bit, for rows of inputs."""
    if output is not None and output.suffix not in WRITERS:
        raise UsageError(f"--output {output}: the suffix must be one of {', '.join(WRITERS)}")
    if engine not in ("fast", "definition"):
        raise UsageError(f"--engine {engine} is unknown; use fast or definition")
    model = read_artifact(artifact)
    ports = output_tensors(model.graph)
    values = row_size(ports) if model.statements.is_regression else None
    dataset = read_port_samples(inputs, artifact_ports(model), "input", values)
    rows = _rows(model, dataset, raw, str(inputs))
    if beyond := saturated_values(model.graph, rows):
        warn(
            f"{inputs}: {beyond} of {rows.size} values lie beyond the calibration rows, where the "
            "front end saturates, as on the device"
        )
    if steps is not None and model.stream is None:
        raise UsageError(
            f"--steps {steps}: {artifact} keeps no state between rows; leave --steps out, or "
            "export with --stream"
        )
    check_raster(raster, beside, on, model, raw)
    if raster is not None:
        draw_raster(raster, model, artifact.stem, rows, dataset.inputs, beside, on)
    simulator = FastSimulator(model.graph, steps)
    if engine == "fast":
        outputs = simulator.run(rows)
    else:
        outputs = _by_definition(artifact, rows, steps).astype(simulator.output_dtype)
    if len(ports) > 1:
        several = SeveralOutputs(ports, outputs)
        if output is not None:
            write_together(output.parent, {output.name: several.encoded(output.suffix)})
        if json:
            print_json(several.document(output))
        else:
            several.show(output)
        return
    classes = argmax(outputs) if outputs.shape[1] > 1 else None
    yes = None if model.least_yes is None else decide(outputs, model.least_yes)
    if output is not None:
        write_together(output.parent, {output.name: encoded(output.suffix, outputs, classes)})
    if json:
        print_json(
            {
                "rows": len(rows),
                "outputs": outputs.tolist() if output is None else str(output),
                "classes": None if classes is None else classes.tolist(),
                "decisions": None if yes is None else yes.tolist(),
                "accuracy": _accuracy(classes if yes is None else yes, dataset),
                "errors": _errors(model, outputs, dataset),
            }
        )
        return
    _print(model, outputs, classes, yes, dataset, output)


def _by_definition(artifact: Path, rows: Array, steps: int | None) -> Array:
    plain, memory = read_plain(artifact), None
    outputs = []
    for number, row in enumerate(rows.tolist()):
        if steps is not None and number % steps == 0:
            memory = None
        result = definition.run(plain, row, memory)
        memory = result.memory
        outputs.append(result.outputs)
    return np.array(outputs)


def _rows(model: Artifact, dataset: Dataset, raw: bool, where: str) -> Array:
    tensors = input_tensors(model.graph)
    values = inputs_to_device(dataset.inputs, model.graph)
    values = values.reshape(len(values), row_size(tensors))
    for tensor, part in zip(tensors, row_slices(tensors), strict=True):
        shown = where if len(tensors) == 1 else f"{where}: {tensor.name}"
        if tensor.quant is not None and raw:
            _refuse_illegal(values[:, part], tensor.quant, shown)
        elif tensor.quant is not None:
            _warn_of_clamped(values[:, part], tensor.quant, shown)
    if raw and tensors[0].quant is not None:
        return values.astype(row_dtype(tensors))
    return quantize_inputs(model, dataset)


def _refuse_illegal(values: Array, quant: QuantParams, where: str) -> None:
    whole = (values == np.floor(values)) & (values >= quant.low) & (values <= quant.high)
    if not whole.all():
        bad = values[~whole][0]
        numbers = "bytes" if quant.dtype in ("u8", "s8") else "numbers"
        raise UsageError(
            f"{where}: {bad:.9g} is not one of the legal {numbers} {quant.low}..{quant.high}; "
            "without --raw, real values are rounded to them"
        )


def _warn_of_clamped(values: Array, quant: QuantParams, where: str) -> None:
    real = np.sort(quant.dequantize([[quant.low], [quant.high]]), axis=0)
    shaped = values.reshape(-1, real.shape[1]) if quant.steps else values
    clamped = int(((shaped < real[0]) | (shaped > real[1])).sum())
    if clamped:
        span = f"{real[0, 0]:.9g}..{real[1, 0]:.9g}"
        held = "what their columns hold" if quant.steps else span
        warn(
            f"{where}: {clamped} of {values.size} values lie outside {held} "
            "and are clamped, as on the device"
        )


def _accuracy(classes: Array | None, dataset: Dataset) -> float | None:
    if classes is None or dataset.targets is None or dataset.targets.ndim > 1:
        return None
    return float((classes == dataset.targets).mean())


def _errors(model: Artifact, outputs: Array, dataset: Dataset) -> dict[str, float] | None:
    """Return the errors of a regression in the output's unit."""
    if not model.statements.is_regression or dataset.targets is None:
        return None
    quant = model.graph.output.quant
    wrong = (outputs if quant is None else quant.dequantize(outputs)) - dataset.targets
    return {"rmse": float(np.sqrt(np.square(wrong).mean())), "mae": float(np.abs(wrong).mean())}


def _print(
    model: Artifact,
    outputs: Array,
    classes: Array | None,
    yes: Array | None,
    dataset: Dataset,
    output: Path | None,
) -> None:
    table = plain_table(">row", "class", *([] if yes is None else ["decision"]), "~outputs")
    for row in range(min(len(outputs), SHOWN_ROWS)):
        label = ""
        if classes is not None:
            label = printable(model.labels[classes[row]] if model.labels else classes[row])
        decision = [] if yes is None else ["yes" if yes[row] else "no"]
        values = " ".join(f"{v:g}" for v in outputs[row].tolist())
        table.add_row(str(row), Text(printable(label)), *decision, values)
    out.print(table)
    if len(outputs) > SHOWN_ROWS:
        say(f"... {len(outputs) - SHOWN_ROWS} more rows; --output FILE writes all")
    errors = _errors(model, outputs, dataset)
    if errors is not None:
        unit = f" {printable(model.statements.output_unit)}" if model.statements.output_unit else ""
        say(
            f"RMSE {errors['rmse']:.6g}{unit}, MAE {errors['mae']:.6g}{unit} on {len(outputs)} rows"
        )
    accuracy = _accuracy(classes if yes is None else yes, dataset)
    if accuracy is not None:
        say(f"accuracy {100 * accuracy:.2f} % on {len(outputs)} rows")
    if output is not None:
        say(f"wrote {output}")
