"""Names and texts that enter C: allow-listed, escaped, never trusted."""

import re

from pyexport.errors import UnsupportedModelError, UsageError
from pyexport.program import Program, Step, is_internal_name

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")

_C_KEYWORDS = """
auto break case char const continue default do double else enum extern float for goto if inline int
long register restrict return short signed sizeof static struct switch typedef union unsigned void
volatile while _Bool _Complex _Imaginary
alignas alignof and and_eq asm bitand bitor bool catch char16_t char32_t class compl constexpr
const_cast decltype delete dynamic_cast explicit export false friend mutable namespace new noexcept
not not_eq nullptr operator or or_eq private protected public reinterpret_cast static_assert
static_cast template this thread_local throw true try typeid typename using virtual wchar_t xor
xor_eq main
"""
RESERVED = frozenset(_C_KEYWORDS.split())


def check_model_name(name: str) -> str:
    """Return the name; raises UsageError unless it can prefix C symbols."""
    way_out = "choose another with --name, for example --name digits"
    if not _IDENTIFIER.fullmatch(name):
        shown = ascii(name[:40])
        raise UsageError(
            f"model name {shown} is not a C identifier (a letter, then letters, digits or "
            f"underscores, at most 63); {way_out}"
        )
    if name in RESERVED:
        raise UsageError(f"model name {name!r} is a keyword of C or C++; {way_out}")
    if name.lower() == "pyexport":
        raise UsageError(f"model name {name!r} would clash with pyexport's own macros; {way_out}")
    return name


def check_program_names(program: Program) -> None:
    """Raise UnsupportedModelError unless every name that becomes C is one that pyexport makes."""
    names = [buffer.name for buffer in program.buffers]
    names += [const.name for const in program.consts]
    for entry in program.steps:
        steps = (entry,) if isinstance(entry, Step) else [row.step for row in entry.steps]
        for step in steps:
            names += [step.node, step.kernel, *step.reads, *step.writes, *step.consts]
            names += [step.workspace] if step.workspace else []
    for name in names:
        if not is_internal_name(name) or name in RESERVED:
            shown = ascii(name)[:60]
            raise UnsupportedModelError(
                f"the name {shown} of a tensor, node or table cannot stand in C; export the model "
                "again from its own file"
            )


def comment_text(text: str) -> str:
    """Return text that cannot leave a C comment or a line: printable ASCII, the rest escaped."""
    escaped = "".join(c if " " <= c <= "~" and c != "\\" else _escape(c) for c in text)
    apart = escaped.replace("*/", "* /").replace("/*", "/ *")
    return re.sub(r"\?(?=\?)", "? ", apart)  # no trigraph, in "???/" neither


def string_literal(text: str) -> str:
    """Return text as a C string literal in UTF-8; everything unusual as three octal digits."""
    body = []
    for byte in utf8(text):
        char = chr(byte)
        plain = " " <= char <= "~" and char not in '"\\?'
        body.append(char if plain else f"\\{byte:03o}")
    return '"' + "".join(body) + '"'


def utf8(text: str) -> bytes:
    """Return text in UTF-8; what no UTF-8 can hold (half a surrogate pair) becomes "?"."""
    return text.encode("utf-8", "replace")


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii").replace("\\", "%")
