"""Convolution and pooling bugs, planted in the C of two networks with every kind of window."""

from __future__ import annotations

import re

from pyexport.verify.mutants import Mutant


def _bug(name: str, function: str, old: str, new: str) -> Mutant:
    """Return the bug that puts `new` in the place of the first `old` in one function.

    A # in both is a number that calibration chose.
    """
    kinds = "(?:static inline|PYEXPORT_APART static|static PYEXPORT_APART) (?:void|int32_t)"
    scope = rf"(?s)({kinds} \w+_{function}\((?:(?!\n}}\n).)*?)"
    return Mutant(
        name, scope + re.escape(old).replace(r"\#", r"(\d+)"), r"\1" + new.replace("#", r"\2")
    )


def _narrow(bits: int) -> str:
    """Return the C that keeps so many bits of the accumulator."""
    sign = 1 << (bits - 1)
    return (
        f"acc = (int32_t)(((uint32_t)acc + UINT32_C({sign})) & UINT32_C({2 * sign - 1}))"
        f" - INT32_C({sign}); "
    )


_AT = "((y * 2 + first_row - 1) * 10 + x + first_column - 1) * 2"
_SUM = "CONV_TRACE(node, at, acc)"
_ROUNDED = "((acc + INT32_C(64)) >> 7)"
_POOLED = "((y * 2 + row) * 11 + x * 2 + column) * 4"
# Every weight of a window whose input lies outside counts as if a byte 0 were read there.
_ZEROS_OUTSIDE = (
    "{ unsigned r, c, i; for (r = 0; r < 3; r++) { for (c = 0; c < 2; c++) {"
    " if (r < first_row || r >= end_row || c < first_column || c >= end_column) {"
    " for (i = 0; i < 2; i++) {"
    " acc += 64 * PYEXPORT_READ_S8(&weight[o * 12 + r * 4 + c * 2 + i]); } } } } }\n"
)

# For the kernels conv2d_q15x, max_pool2d and average_pool2d_q15x: a convolution of 3 x 2 with
# stride 2 x 1 and padding 1 over 11 x 10 x 2 signed inputs whose zero point is -64, a pool of 2 x 2
# that leaves the last column out, a convolution of 3 x 3 in two groups, a padded average of 2 x 3.
# All of them read inside the input, so that nothing but the comparison can notice.
PLANTED_CONV = (
    _bug("row padding off by one", "conv2d0", _AT, "((y * 2 + first_row - "
         "(y * 2 + first_row > 1 ? 2 : 1)) * 10 + x + first_column - 1) * 2"),
    _bug("column padding off by one", "conv2d0", _AT, "((y * 2 + first_row - 1) * 10 + x + "
         "first_column - (x + first_column > 1 ? 2 : 1)) * 2"),
    _bug("strides of rows and columns swapped", "conv2d0", _AT,
         "((y + first_row - 1) * 10 + (x * 2 + first_column - 1) % 10) * 2"),
    _bug("stride 1 instead of 2", "conv2d0", _AT,
         "((y + first_row - 1) * 10 + x + first_column - 1) * 2"),
    _bug("kernel transposed", "conv2d0_window", "&w[i]",
         "&weight[(i / 2 * rows + row) * 2 + i % 2 + 0u * (unsigned)(*w)]"),
    _bug("kernel turned round", "conv2d0_window", "&w[i]",
         "&weight[(rows - 1 - row) * 4 + (columns - 1 - i / 2) * 2 + i % 2 + 0u * (unsigned)(*w)]"),
    _bug("input channels in the other order", "conv2d0_window", "from[i]", "from[i ^ 1]"),
    _bug("inputs of a row read channel by channel", "conv2d0_window", "from[i]",
         "from[i / 2 + i % 2 * columns]"),
    _bug("weights read plane by plane", "conv2d0_window", "&w[i]",
         "&weight[i % 2 * rows * 2 + row * 2 + i / 2 + 0u * (unsigned)(*w)]"),
    _bug("last channel lost", "conv2d0_window", "i++", "i += 2"),
    _bug("last kernel column lost", "conv2d0_window", "i < columns * 2", "i < (columns - 1) * 2"),
    _bug("last kernel row lost", "conv2d0_window", "; row < rows", "; row + 1 < rows"),
    _bug("last window of a line is the one before", "conv2d0", _AT,
         "((y * 2 + first_row - 1) * 10 + (x == 10 ? 9 : x) + first_column - 1) * 2"),
    _bug("last line of windows is the one before", "conv2d0", _AT,
         "(((y == 5 ? 4 : y) * 2 + first_row - 1) * 10 + x + first_column - 1) * 2"),
    _bug("padded with 0 instead of the zero point", "conv2d0", _SUM, _ZEROS_OUTSIDE + _SUM),
    _bug("left padding reads the end of the line above", "conv2d0", "x + first_column < 1",
         "x + first_column < (y == 0)"),
    _bug("right padding reads the start of the line below", "conv2d0",
         "x + (end_column - 1) >= 11", "x + (end_column - 1) >= (y == 5 ? 11u : 12u)"),
    _bug("top line of windows cut by a row too many", "conv2d0", "y * 2 + first_row < 1",
         "y * 2 + first_row < 2"),
    _bug("input zero point + 1", "conv2d0_window", "+ 64)", "+ 65)"),
    _bug("signed input read as unsigned", "conv2d0_window", "(int16_t)from[i]",
         "(int16_t)(uint8_t)from[i]"),
    _bug("bias of the channel before", "conv2d0", "&bias[o]", "&bias[o == 0 ? 0 : o - 1]"),
    _bug("multiplier of the first channel for all", "conv2d0", "&multiplier[o]", "&multiplier[0]"),
    _bug("16-bit accumulator", "conv2d0", _SUM, "acc = (int16_t)acc; " + _SUM),
    _bug("outputs written plane by plane", "conv2d0", "out[at]", "out[o * 66 + y * 11 + x]"),
    _bug("last window without its last column", "conv2d0", "end_column - first_column);",
         "end_column - first_column - (y == 5 && x == 10 ? 1u : 0u));"),
    _bug("weight + 1 in the first window", "conv2d0", _SUM,
         "acc += (o == 3 && y == 0 && x == 0) * ((int16_t)in[21] + 64); " + _SUM),
    _bug("bias of one channel + 1", "conv2d0", "PYEXPORT_READ_S32(&bias[o])",
         "PYEXPORT_READ_S32(&bias[o]) + (o == 2)"),
    _bug("limited to 254", "conv2d0", "acc > 255 ? 255", "acc > 254 ? 254"),
    _bug("no ReLU", "conv2d0", "acc < 0 ? 0", "acc < -128 ? -128"),
    _bug("17-bit accumulator", "conv2d0", _SUM, _narrow(17) + _SUM),
    _bug("pool without its last row", "max_pool2d0", "end_row = 2", "end_row = 1"),
    _bug("pool without its last column", "max_pool2d0", "end_column = 2", "end_column = 1"),
    _bug("pool one column too wide", "max_pool2d0", "end_column = 2", "end_column = 3"),
    _bug("last pool takes the column left over", "max_pool2d0", "end_column = 2",
         "end_column = x == 4 ? 3 : 2"),
    _bug("pool with stride 1", "max_pool2d0", _POOLED, "((y + row) * 11 + x * 2 + column) * 4"),
    _bug("pool takes its last value", "max_pool2d0", "value > largest", "value != 0"),
    _bug("groups ignored", "conv2d1", "* 4 + channel", "* 4"),
    _bug("group begins one output late", "conv2d1", "left = 3; /*", "left = 4; /*"),
    _bug("groups overlap by a channel", "conv2d1", "channel += 2", "channel += 1"),
    _bug("shift without rounding", "conv2d1", _ROUNDED, "(acc >> 7)"),
    _bug("halves away from zero", "conv2d1", _ROUNDED,
         "(acc < 0 ? -((-acc + INT32_C(64)) >> 7) : (acc + INT32_C(64)) >> 7)"),
    _bug("halves to even", "conv2d1", _ROUNDED,
         "(((acc + INT32_C(64)) >> 7) - ((acc & 127) == 64 ? ((acc + INT32_C(64)) >> 7) & 1 : 0))"),
    _bug("lowest bit of a multiplier flipped", "conv2d1", "PYEXPORT_READ_U16(&multiplier[o])",
         "(uint16_t)(PYEXPORT_READ_U16(&multiplier[o]) ^ (o == 2))"),
    _bug("-128 given as -127", "conv2d1", "acc < -128 ? -128", "acc < -127 ? -127"),
    _bug("127 given as 126", "conv2d1", "acc > 127 ? 127", "acc > 126 ? 126"),
    _bug("18-bit accumulator", "conv2d1", _SUM, _narrow(18) + _SUM),
    _bug("16-bit accumulator, saturating", "conv2d1", _SUM,
         "acc = acc > 32767 ? 32767 : acc < -32768 ? -32768 : acc; " + _SUM),
    _bug("output zero point lost", "conv2d1", _ROUNDED + " - #;", _ROUNDED + ";"),
    _bug("no lower limit", "conv2d1", "acc < -128 ? -128 : ", ""),
    _bug("no upper limit", "conv2d1", "acc > 127 ? 127 : acc", "acc"),
    _bug("average without its padded rows", "average_pool2d0", "CONV_TRACE(node, at, acc);",
         "CONV_TRACE(node, at, acc); acc = acc * 2 / (int32_t)(end_row - first_row);"),
    _bug("average without the input's zero point", "average_pool2d0", "from[0] + #", "from[0]"),
    _bug("average without its last column", "average_pool2d0", "; column < end_column",
         "; column + 1 < end_column"),
    _bug("average with strides swapped", "average_pool2d0", "(y + row - 1) * 5 + x * 2 + column",
         "(y + row - 1) * 5 + x + column"),
)  # fmt: skip

_EVEN, _ODD = "(int16_t)(sums[i] & 0xFFFFu)", "(int32_t)(sums[i] - (uint32_t)even) >> 16"

# For conv2d_swar16: the first convolution of that network with two sums in a word.
PLANTED_WORDS = (
    _bug("carry between the lanes kept", "conv2d0", _ODD, "(int32_t)sums[i] >> 16"),
    _bug("lower lane read without its sign", "conv2d0", _EVEN, "(int32_t)(sums[i] & 0xFFFFu)"),
    _bug("upper lane rounded as the lower", "conv2d0", "&multiplier[o + 1u]", "&multiplier[o]"),
    _bug("lanes swapped", "conv2d0", "_round(even,", "_round(odd,"),
    _bug("weights of a cut window from row 0", "conv2d0", "(first_row * 2 + first_column) * 4",
         "first_column * 4"),
    _bug("weights of a cut window from column 0", "conv2d0", "(first_row * 2 + first_column) * 4",
         "first_row * 2 * 4"),
    _bug("last line of windows one row short", "conv2d0", "end_row = 12 - y * 2",
         "end_row = 11 - y * 2"),
    _bug("last window of a line one column short", "conv2d0", "end_column = 11 - x",
         "end_column = 10 - x"),
    _bug("window begins a column early", "conv2d0", "x + first_column - 1) * 2",
         "(x + first_column > 1 ? x + first_column - 2 : 0)) * 2"),
    _bug("next line of a cut window begins early", "conv2d0_sums", "x += 20 - columns * 2",
         "x += 18 - columns * 2"),
    _bug("weights of a cut window run on", "conv2d0_sums", "w += 8 - columns * 4",
         "w += 4 - columns * 4"),
    _bug("a byte of one above its zero point skipped", "conv2d0_sums", "a != 0", "a > 1"),
    _bug("zero point of one tap + 1", "conv2d0_sums", "x[3] + 64", "x[3] + 65"),
    _bug("one tap reads its neighbor", "conv2d0_sums", "x[3] + 64", "x[2] + 64"),
)  # fmt: skip

_LARGER, _LARGER_EVEN = "odd = sum > odd ? sum : odd", "even = sum > even ? sum : even"

# For conv2d_pool_swar16: 3 x 3 over 8 x 10 inputs, the largest of 2 x 2 sums rounded.
PLANTED_POOLED = (
    _bug("pool keeps its last sum", "conv2d0", _LARGER, "odd = sum"),
    _bug("pool keeps its smallest sum", "conv2d0", _LARGER, "odd = sum < odd ? sum : odd"),
    _bug("sums of a pool compared as signed", "conv2d0", _LARGER,
         "odd = (int32_t)sum > (int32_t)odd ? sum : odd"),
    _bug("lower lane compared with the upper", "conv2d0", "sum <<= 16;", ""),
    _bug("lower lane of the last place lost", "conv2d0", "sum = sums[i + 9]", "sum = sums[i + 6]"),
    _bug("pool keeps the last lower lane", "conv2d0", _LARGER_EVEN, "even = sum"),
    _bug("offset of the lower lane - 1", "conv2d0", "(even >> 16) - 32768", "(even >> 16) - 32767"),
    _bug("lanes of a pool swapped", "conv2d0", "(even >> 16)", "(odd >> 16)"),
    _bug("offset of the upper lane + 1", "conv2d0", "(odd >> 16) - 32768", "(odd >> 16) - 32769"),
    _bug("last line of windows one row short", "conv2d0", "end_row = 9 - y", "end_row = 8 - y"),
    _bug("right padding reads the start of the line below", "conv2d0", "end_column = 11 - x",
         "end_column = 12 - x - (y >= 6)"),
)  # fmt: skip
