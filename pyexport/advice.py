"""What the user of an export should know about it, in one line each."""

from pyexport.artifact import Artifact
from pyexport.choices import Choices, WeightChoice
from pyexport.codegen.context import MAX_AVR_TABLES
from pyexport.ir import Tensor
from pyexport.lower.kernels import KERNELS
from pyexport.program import Program, Step
from pyexport.quantize.schemes import taken_as_whole
from pyexport.rows import input_tensors
from pyexport.scores import Accuracy
from pyexport.targets import Target

TOLD_LOSS = 1.0  # points of accuracy that quantization may cost before it is worth a line


def export_warnings(artifact: Artifact, program: Program, target: Target | None) -> tuple[str, ...]:
    """Return the warnings that the finished artifact itself gives reason for."""
    found = []
    for source in assumed_whole_inputs(artifact):
        quant, single = source.quant, len(artifact.graph.inputs) == 1
        assert quant is not None  # only quantized inputs are taken as whole numbers
        known = "no data say so" if not _has_rows(artifact) else "its few values may be chance"
        which = "the input" if single else f"the input {source.name}"
        found.append(
            f"{which} is taken as whole numbers {quant.low}..{quant.high} without scaling, and "
            f"{known}: fractions between them are lost; if there are any, pass --calibration rows "
            "that hold some"
        )
    accuracy = artifact.accuracy
    rounded = [one for one in artifact.choices.weights if not one.is_exact]
    if rounded:
        found.append(_rounded(rounded, accuracy))
    elif artifact.scheme == "int8" and accuracy is not None:
        found += _loss(accuracy)
    if artifact.errors is None and accuracy is None and _has_targets(artifact):
        found.append(
            "the evaluation data have classes, and nothing says which values of the one output "
            "mean class 1: state output.threshold (output_threshold=...), or output.task regression"
        )
    if target is None and program.const_bytes > MAX_AVR_TABLES:
        found.append(
            f"{program.const_bytes} bytes of tables: AVR compilers refuse this header, they can "
            f"have {MAX_AVR_TABLES}; other chips take it"
        )
    found += _varying(program, artifact.choices)
    return tuple(found)


def _varying(program: Program, choices: Choices) -> list[str]:
    """Return the warning about layers that should take constant time and may not."""
    steps = [s for s in program.steps if isinstance(s, Step) and not s.is_free]
    steps = [step for step in steps if choices.goal_of(step.node) == "constant-time"]
    fixed = {kernel.name for kernel in KERNELS if kernel.constant_time}
    names = [f"{step.node} ({step.kernel})" for step in steps if step.kernel not in fixed]
    if not names:
        return []
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return [
        f"no kernel of constant time for {', '.join(names[:3])}{more}: what these layers do may "
        "branch as inputs decide; linear layers, convolutions, max pooling and copies have one"
    ]


def assumed_whole_inputs(artifact: Artifact) -> tuple[Tensor, ...]:
    """Return the inputs that are read as whole numbers on thin grounds or none."""
    from_data = _has_rows(artifact)
    return tuple(
        source
        for source in input_tensors(artifact.graph)
        if source.quant is not None and taken_as_whole(source.quant, from_data=from_data)
    )


def _has_targets(artifact: Artifact) -> bool:
    return artifact.samples is not None and artifact.samples.targets is not None


def _has_rows(artifact: Artifact) -> bool:
    return artifact.calibration.kind == "data" or artifact.samples is not None


def _rounded(layers: list[WeightChoice], accuracy: Accuracy | None) -> str:
    """Return what weights of 4 bits cost that were not trained for them."""
    names = ", ".join(one.node for one in layers[:3])
    more = f" and {len(layers) - 3} more" if len(layers) > 3 else ""
    lost = "no evaluation rows tell what it costs"
    if accuracy is not None:
        points = 100.0 * (accuracy.float_correct - accuracy.exported_correct) / accuracy.rows
        right = 100.0 * accuracy.exported_correct / accuracy.rows
        lost = (
            f"{right:.2f} % of {accuracy.rows} evaluation rows are right, "
            f"{_points(points)} the float model"
        )
    return (
        f"rounding to {layers[0].bits} bits moves the weights of {names}{more} by up to "
        f"{100 * max(one.error for one in layers):.2g} %: {lost}; training "
        "inside pyexport.quantize.qat.fake_quantize avoids it"
    )


def _points(lost: float) -> str:
    return f"{abs(lost):.2f} points {'fewer' if lost >= 0 else 'more'} than of"


def _loss(accuracy: Accuracy) -> list[str]:
    lost = 100.0 * (accuracy.float_correct - accuracy.exported_correct) / accuracy.rows
    if lost <= TOLD_LOSS:
        return []
    return [
        f"int8 classifies {100 * accuracy.exported_correct / accuracy.rows:.2f} % of "
        f"{accuracy.rows} evaluation rows right, the float model "
        f"{100 * accuracy.float_correct / accuracy.rows:.2f} %; try more or more typical "
        "--calibration rows, no --per-tensor, or --scheme float32"
    ]
