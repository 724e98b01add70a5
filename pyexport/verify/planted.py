"""The kernel bugs that verification is measured against, planted in the C of a 3-layer network."""

from __future__ import annotations

from pyexport.verify.mutants import Mutant

_FIRST, _HIDDEN, _LAST = (
    rf"(?s)(static inline void \w+_linear{number}\(.*?)" for number in range(3)
)
_ROUNDED = r"\(\((acc) \+ (INT32_C\(\d+\))\) >> (\d+)\)"
_START = r"int32_t acc = (PYEXPORT_READ_S32\(&bias\[o\]\))"
_PRODUCT = r"acc \+= (\(int16_t\)PYEXPORT_READ_S8\(w\)) \* \(int16_t\)in\[i\];"


def _narrow(bits: int) -> str:
    """Return the C that keeps so many bits of the accumulator, before it is traced."""
    sign = 1 << (bits - 1)
    return (
        rf"\1acc = (int32_t)(((uint32_t)acc + UINT32_C({sign})) & UINT32_C({2 * sign - 1}))"
        rf" - INT32_C({sign});\n        \2"
    )


# 27 of them; written for the kernel linear_q15x with one shift a layer. Layers count from the
# input: the first two have a ReLU and u8 results, the last has s8 results.
PLANTED = (
    Mutant(
        "halves away from zero",
        _LAST + _ROUNDED,
        r"\1(acc < 0 ? -((-acc + \3) >> \4) : (acc + \3) >> \4)",
    ),
    Mutant(
        "halves to even",
        _LAST + _ROUNDED,
        r"\1(((acc + \3) >> \4) - ((acc & (2 * \3 - 1)) == \3 ? ((acc + \3) >> \4) & 1 : 0))",
    ),
    Mutant("shift without rounding", _FIRST + _ROUNDED, r"\1(acc >> \4)"),
    Mutant(
        "rounded twice",
        r"\(int32_t\)\(\(\(uint32_t\)low \* multiplier\) >> 16\)",
        "(int32_t)(((uint32_t)low * multiplier + UINT32_C(32768)) >> 16)",
    ),
    Mutant("hidden layer without upper limit", r"acc > 255 \? 255 : acc", "acc"),
    Mutant("hidden layer without lower limit", r"acc < 0 \? 0 : ", ""),
    Mutant("output without upper limit", r"acc > 127 \? 127 : acc", "acc"),
    Mutant("output without lower limit", r"acc < -128 \? -128 : ", ""),
    Mutant("16-bit accumulator, wrapping", r"()(\w+_TRACE\(node, o)", _narrow(16)),
    Mutant(
        "16-bit accumulator, saturating",
        r"(\w+_TRACE\(node, o)",
        r"acc = acc > 32767 ? 32767 : acc < -32768 ? -32768 : acc;\n        \1",
    ),
    Mutant("17-bit accumulator", _FIRST + r"(\w+_TRACE\(node, o)", _narrow(17)),
    Mutant("18-bit accumulator", _HIDDEN + r"(\w+_TRACE\(node, o)", _narrow(18)),
    Mutant("input zero point + 1", _PRODUCT, r"acc += \1 * (int16_t)(in[i] + 1);"),
    Mutant("input zero point - 1", _HIDDEN + _PRODUCT, r"\1acc += \2 * (int16_t)(in[i] - 1);"),
    Mutant(
        "last input lost",
        _FIRST + r"(for \(i = 0; i < (\d+); i\+\+\) \{\s+)" + _PRODUCT,
        r"\1\2if (i + 1 < \3) { acc += \4 * (int16_t)in[i]; }",
    ),
    Mutant(
        "low half of the product lost",
        r" \+ \(int32_t\)\(\(\(uint32_t\)low \* multiplier\) >> 16\)",
        " + (int32_t)(low & 0)",
    ),
    Mutant("bias of one neuron + 1", _HIDDEN + _START, r"\1int32_t acc = \2 + (o == 3)"),
    Mutant(
        "weight + 1 at an always black pixel",
        _FIRST + _PRODUCT,
        r"\1acc += (\2 + (o == 0 && i == 0)) * (int16_t)in[i];",
    ),
    Mutant("argmax takes the last of a tie", r"out\[i\] > out\[best\]", "out[i] >= out[best]"),
    Mutant("input read as int8", _HIDDEN + _PRODUCT, r"\1acc += \2 * (int8_t)in[i];"),
    Mutant(
        "accumulator not cleared",
        _HIDDEN + r"(for \(o = 0; o < \d+; o\+\+\) \{\n\s+)" + _START,
        r"\1int32_t acc = 0;\n\n    \2acc += \3",
    ),
    Mutant(
        "logical shift",
        _HIDDEN + _ROUNDED,
        r"\1(int32_t)((uint32_t)(acc + \3) >> \4)",
    ),
    Mutant("ReLU missing", _HIDDEN + r"acc < 0 \? 0", r"\1acc < -128 ? -128"),
    Mutant(
        "shift of one channel off by one", _HIDDEN + _ROUNDED, r"\1((acc + \3) >> (\4 + (o == 5)))"
    ),
    Mutant(
        "lowest bit of a multiplier flipped",
        _HIDDEN + r"PYEXPORT_READ_U16\(&multiplier\[o\]\)",
        r"\1(uint16_t)(PYEXPORT_READ_U16(&multiplier[o]) ^ (o == 2))",
    ),
    Mutant("hidden layer limited to 254", r"acc > 255 \? 255", "acc > 254 ? 254"),
    Mutant("-128 given as -127", r"acc < -128 \? -128", "acc < -127 ? -127"),
)
