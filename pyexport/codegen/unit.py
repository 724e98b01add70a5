"""Prints a test header that enters another header at one layer: that layer's kernel alone."""

from __future__ import annotations

from pyexport.codegen.context import kernel_functions
from pyexport.codegen.text import C_TYPES
from pyexport.program import Program, Step


def unit_name(model: str, node: str) -> str:
    """Return the prefix of the test header's symbols."""
    return f"{model}_unit_{node}"


def unit_header(header: str, program: Program, step: Step, model: str) -> str:
    """Return the text of a header whose predict is one step of another: its kernel, its tables.

    The other header is included whole and unchanged. Inputs are the tensors that the step reads,
    each once, in order; outputs those that it writes; its sums are traced as those of node 0.
    """
    name = unit_name(model, step.node)
    upper = name.upper()
    reads, writes = tuple(dict.fromkeys(step.reads)), step.writes
    single = len(reads) == len(writes) == 1
    names = {reads[0]: "in", writes[0]: "out"} if single else {n: n for n in (*reads, *writes)}
    suffixes = {reads[0]: "INPUT", writes[0]: "OUTPUT"} if single else {}
    parameters, sizes = [], []
    for tensor in (*reads, *writes):
        buffer = program.buffer(tensor)
        const = "const " if tensor in reads else ""
        parameters.append(f"{const}{C_TYPES[buffer.dtype]} {names[tensor]}[{buffer.size}]")
        suffix = suffixes.get(tensor, tensor.rstrip("_").upper())
        sizes.append(f"#define {upper}_{suffix}_SIZE {buffer.size}")
    workspace = [program.buffer(w) for w in step.workspaces]
    arguments = [
        *(names[tensor] for tensor in step.reads),
        *(f"{model}_{const}" for const in step.consts),
        *([str(step.trace)] if step.trace >= 0 else []),
        *(buffer.name for buffer in workspace),
        *(names[tensor] for tensor in writes),
    ]
    signature, passed = ", ".join(parameters), ", ".join(names[t] for t in (*reads, *writes))
    calls = [
        *(f"    {C_TYPES[b.dtype]} {b.name}[{b.size}];" for b in workspace),
        f"    {kernel_functions(program, model)[step.node]}({', '.join(arguments)});",
    ]
    return _around(header, model, name, step.node, sizes, (signature, passed), calls)


def scan_header(header: str, program: Program, step: Step, model: str) -> str:
    """Return the same with other inputs: the layer's sums themselves, little-endian, 4 bytes each.

    They take the place of the biases, while the layer reads zeros. So its own code rounds and
    limits whatever sum is asked for.
    """
    name = unit_name(model, step.node)
    source, target = program.buffer(step.reads[0]), program.buffer(step.writes[0])
    (table,) = (program.const(c) for c in step.consts if c.endswith("_bias"))
    arguments = [
        "quiet",
        *("sums" if const == table.name else f"{model}_{const}" for const in step.consts),
        str(step.trace),
        "out",
    ]
    signature = f"const uint8_t in[{4 * table.size}], {C_TYPES[target.dtype]} out[{target.size}]"
    calls = [
        f"    {C_TYPES[source.dtype]} quiet[{source.size}];",
        f"    int32_t sums[{table.size}];",
        "    uint_fast16_t i;",
        "",
        f"    for (i = 0; i < {source.size}; i++) {{",
        "        quiet[i] = 0;",
        "    }",
        f"    for (i = 0; i < {table.size}; i++) {{",
        "        sums[i] = (int32_t)((uint32_t)in[4 * i] | (uint32_t)in[4 * i + 1] << 8",
        "            | (uint32_t)in[4 * i + 2] << 16 | (uint32_t)in[4 * i + 3] << 24);",
        "    }",
        f"    {kernel_functions(program, model)[step.node]}({', '.join(arguments)});",
    ]
    sizes = [
        f"#define {name.upper()}_INPUT_SIZE {4 * table.size}",
        f"#define {name.upper()}_OUTPUT_SIZE {target.size}",
    ]
    return _around(header, model, name, step.node, sizes, (signature, "in, out"), calls)


def _around(
    header: str,
    model: str,
    name: str,
    node: str,
    sizes: list[str],
    ports: tuple[str, str],
    calls: list[str],
) -> str:
    """Return a header of that name: the other one, and a predict that makes the calls."""
    upper, (signature, passed) = name.upper(), ports
    lines = [
        f"/* {model}.h with an entry to its node {node} alone: a test build of pyexport. */",
        f"#ifdef {upper}_TRACE",
        f"#define {model.upper()}_TRACE(node, index, acc) "
        f"((void)(node), {upper}_TRACE(0, index, acc))",
        "#endif",
        header.rstrip("\n"),
        "",
        *sizes,
        f"#define {upper}_SCRATCH_SIZE 1",
        f"typedef uint8_t {name}_scratch_t;",
        "",
        f"static inline void {name}_predict({signature})",
        "{",
        *calls,
        "}",
        "",
        f"static inline void {name}_predict_scratch({signature}, {name}_scratch_t *scratch)",
        "{",
        "    (void)scratch;",
        f"    {name}_predict({passed});",
        "}",
        "",
    ]
    return "\n".join(lines)
