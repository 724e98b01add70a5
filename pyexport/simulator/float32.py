"""Single-precision arithmetic in plain Python: every result rounded to the nearest float32.

A double holds the exact product of two float32 and enough of their sum and quotient that rounding
it once more to float32 gives the correctly rounded result (Figueroa, "When is double rounding
innocuous?", 1995: 53 >= 2 * 24 + 2).
"""

import math
import struct

_SINGLE = struct.Struct("<f")

LOG2_E = 1.44269502  # the float32 nearest to 1 / ln 2
LN2_HIGH = 0.693359375  # 355/512: times a small integer it is exact
LN2_LOW = -2.12194442e-4  # ln 2 - LN2_HIGH as float32
EXP_COEFFICIENTS = (0.00138888892, 0.00833333377, 0.0416666679, 0.166666672, 0.5, 1.0, 1.0)
EXP_UNDERFLOW = -87.0  # exp of less is 0: results would soon be subnormal


def to_float32(value: float) -> float:
    """Return the float32 nearest to value, ties to even; overflow gives infinity."""
    try:
        rounded: float = _SINGLE.unpack(_SINGLE.pack(value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return rounded


def add(a: float, b: float) -> float:
    """Return a + b in float32."""
    return to_float32(a + b)


def multiply(a: float, b: float) -> float:
    """Return a * b in float32."""
    return to_float32(a * b)


def divide(a: float, b: float) -> float:
    """Return a / b in float32; b is not zero."""
    return to_float32(a / b)


def exp_nonpositive(x: float) -> float:
    """Return exp(x) for a float32 x <= 0 by the operations, in the order, that the C uses.

    x = n ln 2 + r with |r| <= 0.35; a polynomial of degree 6 in r, then |n| exact halvings.
    At most 3 units in the last place from the true value.
    """
    if x < EXP_UNDERFLOW:
        return 0.0
    n = math.trunc(add(multiply(x, to_float32(LOG2_E)), -0.5))
    r = add(x, -multiply(float(n), LN2_HIGH))
    r = add(r, -multiply(float(n), to_float32(LN2_LOW)))
    y = to_float32(EXP_COEFFICIENTS[0])
    for coefficient in EXP_COEFFICIENTS[1:]:
        y = add(multiply(y, r), to_float32(coefficient))
    for _ in range(-n):
        y = multiply(y, 0.5)
    return y
