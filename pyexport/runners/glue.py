"""Writes the two small headers that bind the C harness to one model and one kind of build."""

from __future__ import annotations

from itertools import accumulate

from pyexport.runners.blobs import c_type, pointers
from pyexport.runners.protocol import HeaderInterface

INTERFACE_FILE = "pyx_interface.h"
HEADER_FILE = "pyx_header.h"


def interface_text(
    interface: HeaderInterface, kind: str, *, is_chip: bool, window: int | None
) -> str:
    """Return pyx_interface.h: sizes, types and the functions that pyx_model.c defines.

    kind is predict (nothing but that), run (predict and argmax), trace (run with the trace hook),
    selftest (run with the self-test) or scratch (run with predict_scratch).
    """
    firsts = ", ".join(f"{n}u" for n in accumulate(interface.trace_sizes, initial=0))
    lines = [
        "#ifndef PYX_INTERFACE_H",
        "#define PYX_INTERFACE_H",
        "#include <stdbool.h>",
        "#include <stdint.h>",
        f"#define PYX_INPUT_SIZE {interface.input_size}",
        f"#define PYX_OUTPUT_SIZE {interface.output_size}",
        f"#define PYX_SCRATCH_BYTES {interface.scratch_bytes}u",
        f"#define PYX_TRACE_NODES {len(interface.trace_sizes)}u",
        f"#define PYX_TRACE_TOTAL {interface.trace_total}u",
        f"#define PYX_TRACE_FIRST {{{firsts}}}",
        f"typedef {c_type(interface.input_dtype)} pyx_input_t;",
        f"typedef {c_type(interface.output_dtype)} pyx_output_t;",
        f"typedef {c_type(interface.accumulator_dtype)} pyx_acc_t;",
        "void pyx_predict(const pyx_input_t *in, pyx_output_t *out);",
        "void pyx_trace(uint32_t node, uint32_t index, pyx_acc_t acc);",
        "uint16_t pyx_argmax(const pyx_output_t *out);",
        "uint8_t pyx_selftest(void);",
    ]
    if interface.state_bytes:
        lines += [
            f"#define PYX_STATE_BYTES {interface.state_bytes}u",
            f"#define PYX_STEPS {interface.steps or 0xFFFFFFFF}u",
            "void pyx_state_reset(void);",
        ]
    if interface.has_class and kind != "predict":
        lines.append(f"#define PYX_ARGMAX(out) {_class_word(interface)}")
    if kind == "trace":
        lines.append("#define PYX_TRACE_BUILD 1")
    if kind == "scratch":
        lines.append("#define PYX_SCRATCH_BUILD 1")
    if kind == "selftest":
        lines.append(f"#define PYX_SELFTEST {interface.name}_selftest")
    if is_chip:
        lines.append("#define PYX_CHIP 1")
    if window is not None:
        lines.append(f"#define PYX_WINDOW 0x{window:x}u")
    return "\n".join([*lines, "#endif", ""])


def _class_word(interface: HeaderInterface) -> str:
    """Return the class as C: the largest output's index, and in bit 15 whether decide says yes."""
    if interface.outputs:
        return _class_words(interface)
    index = f"{interface.name}_argmax(out)" if interface.has_argmax else "0u"
    if not interface.decides:
        return index
    return f"((uint16_t)({index} | ({interface.name}_decide(out) ? 0x8000u : 0u)))"


def _class_words(interface: HeaderInterface) -> str:
    """Return the classes of several outputs as one word: verify/compare.py makes the same."""
    terms = [
        f"{pow(31, number, 1 << 15)}uL * {interface.name}_argmax_{slot.suffix}({place})"
        for number, (slot, place) in enumerate(
            zip(interface.outputs, pointers(interface.outputs, "out", const="const "), strict=True)
        )
        if slot.has_argmax
    ]
    return f"((uint16_t)(({' + '.join(terms)}) & 0x7FFFuL))"


def _calls(interface: HeaderInterface) -> tuple[str, str]:
    """Return what the harness calls with one input and one output, and the same with scratch."""
    call = f"{interface.name}_{'step' if interface.state_bytes else 'predict'}"
    return ("pyx_call", "pyx_call_scratch") if interface.inputs else (call, f"{call}_scratch")


def _blob_calls(interface: HeaderInterface) -> list[str]:
    """Return the functions that take the blobs of several inputs and outputs."""
    if not interface.inputs:
        return []
    state = f"{interface.name}_state_t *state, " if interface.state_bytes else ""
    call = f"{interface.name}_{'step' if interface.state_bytes else 'predict'}"
    places = [
        *pointers(interface.inputs, "in", const="const "),
        *pointers(interface.outputs, "out"),
    ]
    arguments = ", ".join(["state", *places] if state else places)
    ports = f"{state}const pyx_input_t *in, pyx_output_t *out"
    scratch = f"{interface.name}_scratch_t *scratch"
    return [
        f"static inline void pyx_call({ports}) {{ {call}({arguments}); }}",
        f"static inline void pyx_call_scratch({ports}, {scratch})",
        f"{{ {call}_scratch({arguments}, scratch); }}",
    ]


def header_text(interface: HeaderInterface, kind: str) -> str:
    """Return pyx_header.h: the model's header with the hooks of this kind of build."""
    prefix = interface.name.upper()
    call, with_scratch = _calls(interface)
    lines = [
        f'#include "{INTERFACE_FILE}"',
        f"#define PYX_PREDICT {call}",
        f"#define PYX_PREDICT_SCRATCH {with_scratch}",
        f"#define PYX_RESET {interface.name}_reset",
        f"#define pyx_state_t {interface.name}_state_t",
        f"#define PYX_SCRATCH_SIZE {prefix}_SCRATCH_SIZE",
        f"#define pyx_scratch_t {interface.name}_scratch_t",
    ]
    if kind == "trace":
        lines.append(
            f"#define {prefix}_TRACE(node, index, acc)"
            " pyx_trace((uint32_t)(node), (uint32_t)(index), (acc))"
        )
    if kind == "selftest":
        lines.append(f"#define {prefix}_SELFTEST 1")
    lines += [
        f'#include "{interface.name}.h"',
        *_blob_calls(interface),
        f"#if {_other_sizes(interface)}",
        f'#error "{interface.name}.h has other sizes than its artifact says"',
        "#endif",
        "",
    ]
    return "\n".join(lines)


def _other_sizes(interface: HeaderInterface) -> str:
    """Return the condition under which the header has other sizes than the harness."""
    prefix = interface.name.upper()
    sizes = {"INPUT": "PYX_INPUT_SIZE", "OUTPUT": "PYX_OUTPUT_SIZE"}
    slots = (*interface.inputs, *interface.outputs)
    if slots:
        sizes = {slot.suffix.upper(): str(slot.size) for slot in slots}
    return " || ".join(f"{prefix}_{port}_SIZE != {size}" for port, size in sizes.items())
