"""Arm assembly of one block of sums over a list of inputs: Armv6-M, and Armv7-M and later.

Registers of both: r0 is the place in the list, r1 an input, r2 where its weights lie. On the stack
lie, from its top, the sums' place, the weights of the block and the end of the list.
"""

from collections.abc import Callable, Sequence

UNROLLED = 4  # entries of the list that a round of the loop takes

# Registers of sums, and those that weights are loaded to.
_SUMS6 = ("r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr")
_WEIGHTS6 = ("r3", "r4", "r5")
_SUMS7 = ("r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10")
_WEIGHTS7 = ("r11", "r12", "lr")
_HIGH = ("r8", "r9", "r10", "r11")  # that Armv6-M saves by way of low ones


def event_block(core: str, pairs: int) -> tuple[str, ...]:
    """Return the lines of assembly that keep `pairs` words of sums."""
    return {"armv6m": _armv6m, "armv7m": _armv7m}[core](pairs)


def _armv6m(pairs: int) -> tuple[str, ...]:
    sums = _SUMS6[:pairs]
    low, high = sums[:2], sums[2:]
    carried = _groups(high, len(_WEIGHTS6))
    lines = [
        "push {r4, r5, r6, r7}",
        *(f"mov r{4 + k}, {register}" for k, register in enumerate(_HIGH)),
        "push {r4, r5, r6, r7}",
        "push {r0, r1, r3}",
        f"ldmia r2!, {_list(low)}",
    ]
    for group in carried:
        lines += [f"ldmia r2!, {_list(_WEIGHTS6[: len(group)])}"]
        lines += [f"mov {s}, {t}" for s, t in zip(group, _WEIGHTS6, strict=False)]
    lines += _loop(
        sums, _WEIGHTS6, f"adds r0, #{4 * pairs}", "r3", "adds r2, r2, {0}", _multiplied6
    )
    lines += ["pop {r0, r1, r2}", f"stmia r0!, {_list(low)}"]
    for group in carried:
        lines += [f"mov {t}, {s}" for s, t in zip(group, _WEIGHTS6, strict=False)]
        lines += [f"stmia r0!, {_list(_WEIGHTS6[: len(group)])}"]
    lines += ["pop {r4, r5, r6, r7}"]
    lines += [f"mov {register}, r{4 + k}" for k, register in enumerate(_HIGH)]
    return (*lines, "pop {r4, r5, r6, r7}")


def _armv7m(pairs: int) -> tuple[str, ...]:
    sums = _SUMS7[:pairs]
    return (
        "push {r4, r5, r6, r7, r8, r9, r10, r11}",
        "push {r0, r1, r3}",
        *_loaded("r2", sums),
        *_loop(sums, _WEIGHTS7, f"adds r0, #{4 * pairs}", "r12", "add r2, r2, {0}", _multiplied7),
        "pop {r0, r1, r2}",
        f"stmia r0!, {_list(sums)}" if pairs > 1 else f"str {sums[0]}, [r0]",
        "pop {r4, r5, r6, r7, r8, r9, r10, r11}",
    )


def _loop(
    sums: Sequence[str],
    weights: Sequence[str],
    first: str,
    spare: str,
    base: str,
    multiplied: Callable[[str, str], list[str]],
) -> list[str]:
    """Return the loop over the list; nothing in it branches but its end."""
    entry = ["ldmia r0!, {r1, r2}", f"ldr {spare}, [sp, #4]", base.format(spare)]
    for group in _groups(sums, len(weights)):
        entry += _loaded("r2", weights[: len(group)])
        for s, w in zip(group, weights, strict=False):
            entry += multiplied(s, w)
    is_over = [f"ldr {spare}, [sp, #8]", f"cmp r0, {spare}"]
    return [first, *is_over, "beq 2f", "1:", *entry * UNROLLED, *is_over, "bne 1b", "2:"]


def _multiplied6(total: str, weight: str) -> list[str]:
    add = "adds" if total in ("r6", "r7") else "add"
    return [f"muls {weight}, r1, {weight}", f"{add} {total}, {total}, {weight}"]


def _multiplied7(total: str, weight: str) -> list[str]:
    return [f"mla {total}, {weight}, r1, {total}"]


def _loaded(pointer: str, registers: Sequence[str]) -> list[str]:
    """Return a load of so many words; of one there is no load of several on Armv7-M."""
    if len(registers) == 1 and registers[0] not in _WEIGHTS6:
        return [f"ldr {registers[0]}, [{pointer}], #4"]
    return [f"ldmia {pointer}!, {_list(registers)}"]


def _groups(registers: Sequence[str], size: int) -> list[Sequence[str]]:
    return [registers[at : at + size] for at in range(0, len(registers), size)]


def _list(registers: Sequence[str]) -> str:
    return "{" + ", ".join(registers) + "}"
