"""An integer network as plain C: a loop a layer, 32-bit sums, nothing skipped, nothing packed.

What most exporters print, and so what any kernel must beat. It computes the bytes of the simulator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pyexport.integer.conv import QuantizedConv2d
from pyexport.integer.pool import QuantizedMaxPool2d
from pyexport.ir import Graph, Node, QuantizedLinear

_C = {"u8": "uint8_t", "s8": "int8_t"}
_HEAD = """#include <stdint.h>
#ifdef __AVR__
#include <avr/pgmspace.h>
#define FLASH PROGMEM
#define S8(p) ((int8_t)pgm_read_byte(p))
#define U8(p) pgm_read_byte(p)
#define S32(p) ((int32_t)pgm_read_dword(p))
#define U16(p) pgm_read_word(p)
#else
#define FLASH
#define S8(p) (*(p))
#define U8(p) (*(p))
#define S32(p) (*(p))
#define U16(p) (*(p))
#endif
static inline int32_t scale(int32_t acc, uint16_t m)
{
    return (acc >> 16) * (int16_t)m + (int32_t)((((uint32_t)acc & 0xFFFFu) * m) >> 16);
}
static inline int32_t clamp(int32_t v, int32_t low, int32_t high)
{
    return v < low ? low : v > high ? high : v;
}
"""


def plain_c(graph: Graph, name: str) -> str:
    """Return a header with NAME_predict(in, out).

    Raises ValueError for an operator that the networks of the benchmark do not have.
    """
    tables, body, held = [], [], {graph.inputs[0]: "in", graph.outputs[0]: "out"}
    for number, node in enumerate(graph.nodes):
        source, made = node.inputs[0], node.outputs[0]
        if graph.tensor(made).size == graph.tensor(source).size and not _computes(node):
            held.setdefault(made, held[source])  # another shape of the same bytes
            continue
        if made not in held:
            held[made] = f"t{number}"
            quant = graph.tensor(made).quant
            assert quant is not None  # an integer graph
            body.append(f"{_C[quant.dtype]} t{number}[{graph.tensor(made).size}];")
        write = _WRITERS[type(node.op)]
        lines, own = write(node, graph, f"n{number}", held[source], held[made])
        tables += own
        body += lines
    taken, given = graph.input.quant, graph.output.quant
    assert taken is not None and given is not None  # an integer graph
    head = f"static inline void {name}_predict(const {_C[taken.dtype]} *in, {_C[given.dtype]} *out)"
    return "\n".join([_HEAD, *tables, head, "{", *body, "}", ""])


def _computes(node: Node) -> bool:
    return type(node.op) in _WRITERS


def _table(ctype: str, name: str, values: Iterable[int]) -> str:
    return f"static const {ctype} {name}[] FLASH = {{ {', '.join(map(str, values))} }};"


def _sums(node: Node, graph: Graph, name: str) -> tuple[list[str], str]:
    """Return tables, and the C that makes a byte of acc, of output o."""
    op = node.op
    assert isinstance(op, QuantizedLinear | QuantizedConv2d)
    tables = [
        _table("int8_t", f"{name}_w", op.weight.ravel().tolist()),
        _table("int32_t", f"{name}_b", op.bias.tolist()),
        _table("uint16_t", f"{name}_m", op.multiplier.tolist()),
        _table("uint8_t", f"{name}_s", op.shift.tolist()),
    ]
    quant = graph.tensor(node.outputs[0]).quant
    assert quant is not None  # an integer graph
    byte = (
        f"clamp(((scale(acc * {1 << op.pre_shift}, U16(&{name}_m[o])) "
        f"+ ((int32_t)1 << (U8(&{name}_s[o]) - 1))) >> U8(&{name}_s[o])) + {quant.zero_point}, "
        f"{quant.low}, {quant.high})"
    )
    return tables, byte


def _linear(
    node: Node, graph: Graph, name: str, source: str, made: str
) -> tuple[list[str], list[str]]:
    assert isinstance(node.op, QuantizedLinear)
    n_out, n_in = node.op.weight.shape
    tables, byte = _sums(node, graph, name)
    lines = [
        f"for (int o = 0; o < {n_out}; o++) {{",
        f"    int32_t acc = S32(&{name}_b[o]);",
        f"    for (int i = 0; i < {n_in}; i++) {{",
        f"        acc += (int16_t)S8(&{name}_w[o * {n_in} + i]) * (int16_t){source}[i];",
        "    }",
        f"    {made}[o] = {byte};",
        "}",
    ]
    return lines, tables


def _conv(
    node: Node, graph: Graph, name: str, source: str, made: str
) -> tuple[list[str], list[str]]:
    op = node.op
    assert isinstance(op, QuantizedConv2d)
    quant = graph.tensor(node.inputs[0]).quant
    if op.groups != 1 or op.dilation != (1, 1) or quant is None or quant.zero_point:
        raise ValueError(f"{node.name}: only plain convolutions of inputs with zero point 0")
    height, width, channels = graph.tensor(node.inputs[0]).shape
    out_height, out_width, n_out = graph.tensor(node.outputs[0]).shape
    rows, columns = op.weight.shape[1:3]
    tables, byte = _sums(node, graph, name)
    weight = f"{name}_w[((o * {rows} + r) * {columns} + c) * {channels} + i]"
    lines = [
        f"for (int y = 0; y < {out_height}; y++) for (int x = 0; x < {out_width}; x++)",
        f"for (int o = 0; o < {n_out}; o++) {{",
        f"    int32_t acc = S32(&{name}_b[o]);",
        f"    for (int r = 0; r < {rows}; r++) for (int c = 0; c < {columns}; c++) {{",
        f"        int row = y * {op.stride[0]} + r - {op.pad[0]};",
        f"        int column = x * {op.stride[1]} + c - {op.pad[1]};",
        f"        if (row < 0 || row >= {height} || column < 0 || column >= {width}) continue;",
        f"        for (int i = 0; i < {channels}; i++) {{",
        f"            acc += (int16_t)S8(&{weight})",
        f"                * (int16_t){source}[(row * {width} + column) * {channels} + i];",
        "        }",
        "    }",
        f"    {made}[(y * {out_width} + x) * {n_out} + o] = {byte};",
        "}",
    ]
    return lines, tables


def _max_pool(
    node: Node, graph: Graph, name: str, source: str, made: str
) -> tuple[list[str], list[str]]:
    op = node.op
    assert isinstance(op, QuantizedMaxPool2d)
    if any(op.pad):
        raise ValueError(f"{node.name}: only poolings without padding")
    _, width, channels = graph.tensor(node.inputs[0]).shape
    out_height, out_width, _ = graph.tensor(node.outputs[0]).shape
    at = f"((y * {op.stride[0]} + r) * {width} + x * {op.stride[1]} + c) * {channels} + o"
    lines = [
        f"for (int y = 0; y < {out_height}; y++) for (int x = 0; x < {out_width}; x++)",
        f"for (int o = 0; o < {channels}; o++) {{",
        "    int most = -128;",
        f"    for (int r = 0; r < {op.kernel[0]}; r++) for (int c = 0; c < {op.kernel[1]}; c++)",
        f"        if ({source}[{at}] > most) most = {source}[{at}];",
        f"    {made}[(y * {out_width} + x) * {channels} + o] = most;",
        "}",
    ]
    return lines, []


_Writer = Callable[[Node, Graph, str, str, str], tuple[list[str], list[str]]]
_WRITERS: dict[type, _Writer] = {
    QuantizedLinear: _linear,
    QuantizedConv2d: _conv,
    QuantizedMaxPool2d: _max_pool,
}
