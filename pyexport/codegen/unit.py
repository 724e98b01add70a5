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
    lines = [
        f"/* {model}.h with an entry to its node {step.node} alone: a test build of pyexport. */",
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
        *(f"    {C_TYPES[b.dtype]} {b.name}[{b.size}];" for b in workspace),
        f"    {kernel_functions(program, model)[step.node]}({', '.join(arguments)});",
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
